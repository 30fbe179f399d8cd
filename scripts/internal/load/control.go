package load

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// Codes of connections that ended without one (RFC 6455, section 7.4.1), and of those this side ends.
const (
	noStatus      = 1005
	abnormal      = 1006
	protocolError = 1002
)

// unusual is a frame that is not a whole text message.
func (w *worker) unusual(i int32, h header, payload []byte, now int64) {
	switch h.op {
	case opPing:
		w.sendFrame(i, opPong, payload)
	case opPong:
	case opClose:
		code := noStatus
		if len(payload) >= 2 {
			code = int(binary.BigEndian.Uint16(payload))
		}
		w.sendFrame(i, opClose, payload[:min(len(payload), 2)])
		w.ended(i, code)
	case opText, opContinuation:
		// A message in fragments, which no server here sends in earnest.
		message, begun := w.fragments[i]
		if begun == (h.op == opText) || len(message)+len(payload) > maxFrame {
			w.malformed("fragment", payload)
			w.ended(i, protocolError)
			return
		}
		message = append(message, payload...)
		if !h.final {
			w.fragments[i] = message
			return
		}
		delete(w.fragments, i)
		w.text(i, message, now)
	default:
		w.malformed("binary message", payload)
	}
}

// control is a message of ws or hub that is not a data message in the usual layout.
func (w *worker) control(i int32, payload []byte, now int64) {
	var m struct {
		Type      string      `json:"type"`
		ID        json.Number `json:"id"`
		Code      json.RawMessage
		Message   string
		Temporary bool
		Cursor    wire.Cursor
		Recovered *bool
		Sent      uint64
		Merged    int64
		Replayed  int64
		Limits    struct {
			Bytes    int     `json:"message_bytes"`
			Channels int     `json:"channels"`
			Commands float64 `json:"commands_per_s"`
		}

		Seq     uint64
		Channel string
		Pos     string
		Data    *value
	}
	c := &w.conns[i]
	if err := json.Unmarshal(payload, &m); err != nil {
		w.malformed("message", payload)
		return
	}
	if m.Cursor != nil && w.dialect == ws {
		w.takeCursor(i, m.Cursor)
	}
	switch m.Type {
	case "message":
		if m.Data == nil {
			w.malformed("message", payload)
			return
		}
		partition, offset := parsePos(m.Pos)
		w.message(i, &message{
			seq: m.Seq, channel: w.channelNumber(m.Channel), partition: partition, offset: offset,
			n: m.Data.N, sent: m.Data.Sent,
		}, payload, now)
	case "welcome":
		if c.step != greeting {
			w.malformed("message", payload)
			return
		}
		if m.Limits.Bytes > 0 {
			w.commandBytes = m.Limits.Bytes
		}
		w.commandsPerS = m.Limits.Commands
		if limit := m.Limits.Channels; limit > 0 && int(c.held) > limit {
			w.fail(fmt.Errorf("subscribe to %d channels: the server allows %d a connection; set WS_CHANNELS for it", c.held, limit))
			return
		}
		w.subscribe(i)
	case "subscription_ack":
		if c.step != subscribing || m.ID.String() != strconv.Itoa(int(c.command)) || c.resumes && m.Recovered == nil {
			w.malformed("message", payload)
			return
		}
		if c.resumes && !*m.Recovered {
			c.unwelcome = true
			w.job.notRecovered++
		}
		w.acknowledged(i, now)
	case "replay_complete":
		if !c.resumes || c.step != live || c.replayed {
			w.malformed("message", payload)
			return
		}
		c.replayed = true
		w.job.replayed += m.Replayed
		c.replays = m.Replayed
		if w.setup.Ledgers {
			w.sendFrame(i, opText, []byte(`{"type":"heartbeat"}`))
		}
		w.caughtUp(i, now)
	case "error":
		code := strings.Trim(string(m.Code), `"`)
		switch {
		case c.step != subscribing:
			w.malformed("message", payload)
		case m.Temporary:
			w.job.refuse("error " + code)
			c.upTo = c.from // the same again
			w.pause(i, now)
		default:
			w.fail(fmt.Errorf("subscribe: the server answers %s: %s", code, m.Message))
		}
	case "pong", "bye":
		if w.setup.Ledgers {
			w.counts.Ledgers++
			if m.Sent != c.seq || m.Merged != 0 || m.Replayed != c.replays {
				w.counts.BadLedger++
			}
		}
	case "gap", "notice":
	default:
		w.malformed("message", payload)
	}
}

// value is a record's, as the publisher writes it.
type value struct {
	N    int64 `json:"n"`
	Sent int64 `json:"sent"`
}

// reply is one of centrifuge's that is not a publication in the usual layout.
func (w *worker) reply(i int32, line []byte, now int64) {
	c := &w.conns[i]
	if string(line) == "{}" { // a ping
		w.sendFrame(i, opText, line)
		return
	}
	var r struct {
		ID    uint32
		Error *struct {
			Code      int
			Message   string
			Temporary bool
		}
		Push *struct {
			Channel string
			Pub     *struct{ Data *value }
		}
	}
	switch err := json.Unmarshal(line, &r); {
	case err != nil:
		w.malformed("reply", line)
	case r.Push != nil && r.Push.Pub != nil && r.Push.Pub.Data != nil:
		w.message(i, &message{
			channel: w.channelNumber(r.Push.Channel), partition: -1, n: r.Push.Pub.Data.N, sent: r.Push.Pub.Data.Sent,
		}, line, now)
	case r.ID == 0 || r.Push != nil || c.step != subscribing:
		w.malformed("reply", line)
	case r.Error != nil && r.Error.Temporary:
		w.refused(i, "error "+strconv.Itoa(r.Error.Code), 0)
	case r.Error != nil:
		w.fail(fmt.Errorf("subscribe: the server answers error %d: %s", r.Error.Code, r.Error.Message))
	default:
		w.acknowledged(i, now)
	}
}

// takeCursor replaces the cursor of a connection (P6.5).
func (w *worker) takeCursor(i int32, cursor wire.Cursor) {
	place, ok := cursor[loadEvent]
	if !ok {
		return
	}
	log := slices.Index(w.logs, place.Log)
	if log < 0 {
		log = len(w.logs)
		w.logs = append(w.logs, place.Log)
	}
	w.conns[i].log = uint16(log)
	if len(place.At) > maxPartition+1 {
		w.malformed("cursor", nil)
		return
	}
	if len(place.At) > w.partitions {
		w.widen(len(place.At))
	}
	at := w.positions(i)
	for p := range at {
		at[p] = -1
		if p < len(place.At) {
			at[p] = place.At[p]
		}
	}
}

// parsePos reads a pos of the load's event; partition is -1 for anything else.
func parsePos(pos string) (partition int32, offset int64) {
	rest, ok := strings.CutPrefix(pos, loadEvent+"/")
	before, after, found := strings.Cut(rest, ":")
	p, err1 := strconv.ParseInt(before, 10, 32)
	offset, err2 := strconv.ParseInt(after, 10, 64)
	if !ok || !found || err1 != nil || err2 != nil || p < 0 || p > maxPartition || offset < 0 {
		return -1, 0
	}
	return int32(p), offset
}

// channelNumber is the number of a channel in the plan, of one that is written in any layout.
func (w *worker) channelNumber(name string) int32 {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(name, "S"), "."+loadEvent)
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || w.plan.Channel(int(n)) != name {
		return -1
	}
	return int32(n)
}

// malformed counts what the dialect does not have, and shows the first.
func (w *worker) malformed(what string, p []byte) {
	w.counts.Malformed++
	if w.counts.Example == "" {
		const most = 300
		w.counts.Example = fmt.Sprintf("%s %q", what, p[:min(len(p), most)])
	}
}
