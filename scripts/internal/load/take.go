package load

import "bytes"

// take reads the frames in p, which one recv(2) brought at now, in Unix µs, to connection i. It returns how many bytes
// are done with; what is left is the beginning of a frame. It returns -1 when the connection has ended.
func (w *worker) take(i int32, p []byte, now int64) (used int) {
	if w.conns[i].stalls {
		used, _ = w.frames(i, p, now, &w.counts.StalledReceived)
		return used
	}
	before := w.counts.Received
	used, bytes := w.frames(i, p, now, &w.counts.Received)
	if w.counts.Received > before {
		w.counts.Reads++
		w.counts.Bytes += int64(bytes)
	}
	return used
}

// frames does take's work, and adds up the bytes of those frames that count.
func (w *worker) frames(i int32, p []byte, now int64, count *int64) (used, bytes int) {
	c := &w.conns[i]
	for used < len(p) {
		h, f := readHeader(p[used:])
		if f == broken {
			w.malformed("frame", p[used:])
			w.ended(i, protocolError)
			return -1, bytes
		}
		end := used + h.head + h.size
		if f == partial || end > len(p) {
			if f == whole {
				w.need(h.head + h.size)
			}
			return used, bytes
		}
		before := *count
		if payload := p[end-h.size : end]; h.op == opText && h.final {
			w.text(i, payload, now)
		} else {
			w.unusual(i, h, payload, now)
		}
		if *count > before {
			bytes += end - used
		}
		if c.step == closing || c.fd < 0 {
			return -1, bytes
		}
		used = end
	}
	return used, bytes
}

// text is a text message: a data message as a rule.
func (w *worker) text(i int32, payload []byte, now int64) {
	var m message
	if w.dialect != centrifuge {
		if m.readEnvelope(payload) {
			w.message(i, &m, payload, now)
		} else {
			w.control(i, payload, now)
		}
		return
	}
	for len(payload) > 0 {
		line := payload
		if end := bytes.IndexByte(payload, '\n'); end >= 0 {
			line, payload = payload[:end], payload[end+1:]
		} else {
			payload = nil
		}
		if m.readPush(line) {
			w.message(i, &m, line, now)
		} else if len(line) > 0 {
			w.reply(i, line, now)
		}
	}
}

// message checks a data message and counts it.
func (w *worker) message(i int32, m *message, payload []byte, now int64) {
	c := &w.conns[i]
	if w.dialect == ws {
		w.place(i, c, m)
	}
	held := w.holdings(c)
	k := 0
	if len(held) != 1 || held[0].channel != m.channel {
		k = find(held, m.channel)
	}
	if k < 0 || !held[k].take(m.n, &w.counts.Faults) {
		w.malformed("message", payload)
		return
	}
	c.since++
	if c.stalls {
		w.counts.StalledReceived++
	} else {
		w.counts.Received++
		// Within the histogram's bounds, so there is no error.
		_ = w.latency.RecordValue(min(max(now-m.sent, 1), longest))
		if m.channel == 0 && w.setup.Last {
			w.last.note(m.n, now)
		}
	}
	if w.job.kind == returning {
		w.caughtUp(i, now)
	}
}

// place checks seq and pos, and raises the cursor (P5.1, P6.5). The cursor covers all that came before the frame it
// stood in, so nothing at or below it may follow.
func (w *worker) place(i int32, c *conn, m *message) {
	if m.seq != c.seq+1 {
		w.counts.BadSeq++
	}
	c.seq = m.seq
	if m.partition < 0 {
		w.counts.BadPos++
		return
	}
	if int(m.partition) >= w.partitions {
		w.widen(int(m.partition) + 1)
	}
	at := &w.at[int(i)*w.partitions+int(m.partition)]
	if m.offset <= *at {
		w.counts.BadPos++
		return
	}
	*at = m.offset
}

// Span is when the first connection read a record, and when the last did, in Unix µs.
type Span struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// lastReads notes when a record was read, by its n.
type lastReads struct {
	base int64 // n of the first entry
	at   []Span
}

// reach is how much earlier than the first record that is noted another one may be, and slots how many records are
// noted without making room.
const (
	reach = 1 << 8
	slots = 1 << 13
)

func (l *lastReads) reset() {
	if l.at == nil {
		l.at = make([]Span, slots)
	}
	l.base = 0
	clear(l.at)
}

func (l *lastReads) note(n, now int64) {
	if l.base == 0 {
		l.base = max(n-reach, 1)
	}
	k := n - l.base
	if k < 0 || k >= 1<<22 {
		return // not of this interval's records
	}
	for k >= int64(len(l.at)) {
		l.at = append(l.at, make([]Span, len(l.at))...)
	}
	s := &l.at[k]
	if s.First == 0 {
		s.First = now
	}
	s.Last = max(s.Last, now)
}

func (l *lastReads) table() map[int64]Span {
	table := map[int64]Span{}
	for k, at := range l.at {
		if at.Last > 0 {
			table[l.base+int64(k)] = at
		}
	}
	return table
}
