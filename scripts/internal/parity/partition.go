package parity

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// window is how many of a partition's newest records are known at least; twice as many at most. Who is further behind than
	// that has missed what is older.
	window = 1 << 15
	// mostAhead is how many messages of a partition a client may have that the log's reader has not come to. Then the client
	// waits for the reader, and no longer reads its socket.
	mostAhead = 1 << 13
)

// record is one of the log.
type record struct {
	offset  int64
	channel *channel
	ts      int64
	body    sum // of the message that it makes
}

// arrived is a message as a client got it.
type arrived struct {
	offset   int64
	channel  *channel
	ts       string
	body     sum
	at       time.Duration // since the run began
	side     int           // the variant that it came from
	replayed bool
}

// partition is a partition of the log from its start on, and what each client has got of it. The log's reader adds to it,
// clients' readers take from it: a message waits until the log has been read so far, and is then held to it.
type partition struct {
	event  string
	number int32
	start  int64 // the first offset that counts
	window int
	ahead  int
	found  *findings
	late   *lateness

	mu      sync.Mutex // guards what follows
	came    *sync.Cond // the log's reader has come further, or nobody need wait any more
	records []record   // the newest
	first   int        // the number of records[0], from 0
	read    int64      // up to this offset the log has been read
	end     int64      // the first offset that does not count any more; -1: not known yet
	chains  map[*channel]*chain
	wanted  []int64 // by watch, its last record's offset; -1: none
	seats   []*seat
	closed  bool
}

// seat is a client's place in a partition. The partition's mutex guards it.
type seat struct {
	client *member
	watch  int
	side   int // of a steady client
	other  *seat
	times  map[int64]arrived // steady: what has come here, and not yet at the other side

	next    int               // the number of the first record that is neither taken nor passed over
	passed  map[int64]overrun // records passed over, by offset
	claims  []claim           // ascending by offset
	waiting []arrived         // beyond what was read of the log, as they came
	chains  map[*channel]*chain
	count   int64
}

// overrun is a record that a later one overtook.
type overrun struct {
	record record
	side   int // where the later one came from
	after  int64
}

// claim is what a variant said by a cursor: that all up to an offset was dealt with. Of a client that moves, who left a record out
// is not the one that brought the next message, but the first to say that it was brought.
type claim struct {
	offset int64
	side   int
}

func newPartition(event string, number int32, start int64, watches int, found *findings, late *lateness) *partition {
	p := &partition{
		event: event, number: number, start: start, window: window, ahead: mostAhead, found: found, late: late,
		read: start - 1, end: -1, chains: map[*channel]*chain{}, wanted: slices.Repeat([]int64{-1}, watches),
	}
	p.came = sync.NewCond(&p.mu)
	return p
}

// seat gives a client a place, before anything is read.
func (p *partition) seat(m *member, watch, side int) *seat {
	s := &seat{client: m, watch: watch, side: side, passed: map[int64]overrun{}, chains: map[*channel]*chain{}}
	p.seats = append(p.seats, s)
	return s
}

// together has the times of two seats compared, each of a steady client.
func together(a, b *seat) {
	a.other, b.other = b, a
	a.times, b.times = map[int64]arrived{}, map[int64]arrived{}
}

// add takes the next record that the log's reader has read.
func (p *partition) add(r record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end >= 0 && r.offset >= p.end {
		return
	}
	p.records = append(p.records, r)
	addTo(p.chains, r.channel, r.offset, r.body)
	for watch := range p.wanted {
		if r.channel.in(watch) {
			p.wanted[watch] = r.offset
		}
	}
	if len(p.records) >= 2*p.window {
		p.forget(len(p.records) - p.window)
	}
	p.passBy(r.offset)
}

// skip tells that the log has no record of a channel up to an offset.
func (p *partition) skip(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passBy(offset)
}

// passBy has all that waited for the log up to an offset taken.
func (p *partition) passBy(offset int64) {
	p.read = max(p.read, offset)
	for _, s := range p.seats {
		n := 0
		for ; n < len(s.waiting) && s.waiting[n].offset <= p.read; n++ {
			p.settle(s, s.waiting[n])
		}
		if s.waiting = s.waiting[n:]; len(s.waiting) == 0 {
			s.waiting = nil
		}
	}
	p.came.Broadcast()
}

// until sets the first offset that does not count any more, at least what was read already, and returns it.
func (p *partition) until(offset int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = max(offset, p.read+1)
	return p.end
}

// complete says whether the log was read up to the end.
func (p *partition) complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end >= 0 && p.read >= p.end-1
}

// close lets everybody go who waits.
func (p *partition) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.came.Broadcast()
}

// take holds a message to the log, now or when the log has been read so far.
func (p *partition) take(s *seat, a arrived) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(s.waiting) >= p.ahead && !p.closed {
		p.came.Wait()
	}
	switch {
	case p.closed || p.end >= 0 && a.offset >= p.end:
	case len(s.waiting) > 0 || a.offset > p.read:
		s.waiting = append(s.waiting, a)
	default:
		p.settle(s, a)
	}
}

// claim notes a cursor that a client was told.
func (p *partition) claim(s *seat, offset int64, side int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(s.claims) - 1
	switch {
	case last >= 0 && offset <= s.claims[last].offset:
	case last >= 0 && s.claims[last].side == side:
		s.claims[last].offset = offset
	default:
		s.claims = append(s.claims, claim{offset, side})
	}
}

// blamed is the first variant that said that a record was dealt with, or else the one that is given.
func (s *seat) blamed(offset int64, side int) int {
	i := slices.IndexFunc(s.claims, func(c claim) bool { return c.offset >= offset })
	if i < 0 {
		return side
	}
	return s.claims[i].side
}

// settle holds a message to the log, which has been read beyond it.
func (p *partition) settle(s *seat, a arrived) {
	s.count++
	addTo(s.chains, a.channel, a.offset, a.body)
	i, found := slices.BinarySearchFunc(p.records, a.offset, func(r record, offset int64) int { return int(r.offset - offset) })
	number := p.first + i
	switch {
	case a.offset < p.start:
		p.tell(Unknown, s, a, "it lies before what the client asked for")
	case found && !p.records[i].channel.in(s.watch):
		p.tell(Unknown, s, a, fmt.Sprintf("the record there is of channel %s, for which the client did not ask", p.records[i].channel.name))
	case found && number >= s.next:
		p.passOver(s, number, a)
		s.next = number + 1
		p.same(s, a, p.records[i])
		p.clock(s, a)
	case found || p.first > 0 && a.offset < p.records[0].offset:
		over, was := s.passed[a.offset]
		if !was {
			p.tell(Double, s, a, "it came before")
			return
		}
		delete(s.passed, a.offset)
		p.tell(Reordered, s, a, fmt.Sprintf("it came after offset %d", over.after))
		p.same(s, a, over.record)
		p.clock(s, a)
	default:
		p.tell(Unknown, s, a, "the log has no record there")
	}
}

// passOver notes the seat's records before a number, which a message has overtaken.
func (p *partition) passOver(s *seat, number int, by arrived) {
	for ; s.next < number; s.next++ {
		if r := p.records[s.next-p.first]; r.channel.in(s.watch) {
			s.passed[r.offset] = overrun{r, s.blamed(r.offset, by.side), by.offset}
		}
	}
}

// same tells if the message is not the record's.
func (p *partition) same(s *seat, a arrived, r record) {
	if a.body == r.body {
		return
	}
	switch {
	case a.channel != r.channel:
		p.tell(Changed, s, a, fmt.Sprintf("its channel is %s in the log", r.channel.name))
	case a.ts != fmt.Sprint(r.ts):
		p.tell(Changed, s, a, fmt.Sprintf("its ts is %q and in the log %d", a.ts, r.ts))
	default:
		p.tell(Changed, s, a, "its value, or the text around it, is not as the log has it")
	}
}

// clock compares when the two steady clients of a watch got a record. One that came by a replay tells of the replay.
func (p *partition) clock(s *seat, a arrived) {
	if s.other == nil {
		return
	}
	first, ok := s.other.times[a.offset]
	if !ok {
		if len(s.times) < p.window {
			s.times[a.offset] = a
		}
		return
	}
	delete(s.other.times, a.offset)
	if first.replayed || a.replayed {
		return
	}
	// The message that was taken first need not be the one that came first: it may have waited for the log's reader.
	by := a.at - first.at
	last, side := a, s.side
	if by < 0 {
		by, last, side = -by, first, s.other.side
	}
	if p.late.note(side, by) {
		p.found.add(Difference{
			Kind: Late, on: last.side, Client: s.client.name, Channel: a.channel.name, Pos: p.pos(a.offset),
			Detail: fmt.Sprintf("%v after the other variant", by.Round(time.Millisecond)),
		})
	}
}

// forget gives up the oldest n records. Who has not got them has missed them.
func (p *partition) forget(n int) {
	oldest := p.records[n].offset
	for _, s := range p.seats {
		for ; s.next < p.first+n; s.next++ {
			if r := p.records[s.next-p.first]; r.channel.in(s.watch) {
				p.missed(s, r, s.blamed(r.offset, s.client.on()), fmt.Sprintf("it has not come while %d more records did", p.window))
			}
		}
		for offset, over := range s.passed {
			if offset < oldest {
				p.missed(s, over.record, over.side, fmt.Sprintf("offset %d came, and it had not", over.after))
				delete(s.passed, offset)
			}
		}
		for offset := range s.times {
			if offset < oldest {
				delete(s.times, offset)
			}
		}
	}
	p.records = slices.Delete(p.records, 0, n)
	p.first += n
}

// finish tells what has not come to a seat and what came that the log does not have. Nothing may come after.
func (p *partition) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, s := range p.seats {
		for _, a := range s.waiting {
			if p.end >= 0 && a.offset < p.end {
				s.count++
				addTo(s.chains, a.channel, a.offset, a.body)
				p.tell(Unknown, s, a, "the log has no record there")
			}
		}
		s.waiting = nil
		for _, over := range s.passed {
			p.missed(s, over.record, over.side, fmt.Sprintf("offset %d came, and it had not", over.after))
		}
		for ; s.next < p.first+len(p.records); s.next++ {
			if r := p.records[s.next-p.first]; r.channel.in(s.watch) {
				p.missed(s, r, s.blamed(r.offset, s.client.on()), "nothing of the partition came after it")
			}
		}
		s.passed = nil
	}
}

func (p *partition) missed(s *seat, r record, side int, why string) {
	p.found.add(Difference{Kind: Missing, on: side, Client: s.client.name, Channel: r.channel.name, Pos: p.pos(r.offset), Detail: why})
}

func (p *partition) tell(kind Kind, s *seat, a arrived, why string) {
	p.found.add(Difference{Kind: kind, on: a.side, Client: s.client.name, Channel: a.channel.name, Pos: p.pos(a.offset), Detail: why})
}

func (p *partition) pos(offset int64) string { return place{p.event, p.number, offset}.String() }

// lastOf is the offset of the last record that a watch has in the partition, -1 for none.
func (p *partition) lastOf(watch int) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted[watch]
}

func addTo(chains map[*channel]*chain, ch *channel, offset int64, body sum) {
	c := chains[ch]
	if c == nil {
		c = &chain{}
		chains[ch] = c
	}
	c.add(offset, body)
}
