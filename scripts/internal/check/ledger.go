package check

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// seqField is the length of the seq field: 16 characters, the number and then
// spaces (protocol section 4).
const seqField = 16

// ledger is the client's own account of one connection. The reader owns it.
type ledger struct {
	conflated bool        // messages may be passed over
	received  uint64      // data messages
	replayed  uint64      // as replay_complete has told
	replaying bool        // between an ack that promises a replay and its end
	cursor    wire.Cursor // by the rules of protocol section 5
	broken    []string    // promises seen broken
}

func (l *ledger) complain(format string, args ...any) {
	if len(l.broken) < 20 { // the first ones tell the story
		l.broken = append(l.broken, fmt.Sprintf(format, args...))
	}
}

// take accounts for a frame.
func (l *ledger) take(f *Frame) {
	switch f.Type {
	case "message":
		l.message(f)
	case "subscription_ack":
		l.place(f)
		l.replaying = false // the client corrects this where it asked for a replay
	case "replay_complete":
		l.place(f)
		l.replaying = false
		l.replayed += f.Replayed
	case "pong", "bye":
		l.place(f)
		if f.Sent != l.received {
			l.complain("%s says sent %d, %d came before it", f.Type, f.Sent, l.received)
		}
		if f.Merged > 0 && !l.conflated {
			l.complain("%s says merged %d, and no event is conflated", f.Type, f.Merged)
		}
		if f.Replayed < l.replayed || !l.replaying && f.Replayed != l.replayed {
			l.complain("%s says replayed %d, the replay_complete frames said %d", f.Type, f.Replayed, l.replayed)
		}
	case "gap":
		l.place(f)
	}
}

func (l *ledger) message(f *Frame) {
	l.received++
	if f.Seq != l.received {
		l.complain("seq %d came as message %d", f.Seq, l.received)
	}
	head := fmt.Sprintf(`{"seq":%-*d,"type":"message","channel":`, seqField, f.Seq)
	if !bytes.HasPrefix(f.Raw, []byte(head)) {
		l.complain("message does not begin %s: %s", head, f)
	}
	event, partition, offset, err := f.Position()
	if err != nil {
		l.complain("%v", err)
		return
	}
	if !strings.HasSuffix(f.Channel, "."+event) {
		l.complain("channel %s has pos %s", f.Channel, f.Pos)
	}
	// In between the client only raises; what `last` brings lies below the
	// ack's cursor and so moves nothing.
	position, ok := l.cursor[event]
	if !ok {
		l.complain("message of event %s, for which no cursor has come: %s", event, f)
		return
	}
	for int(partition) >= len(position.At) {
		position.At = append(position.At, -1)
	}
	position.At[partition] = max(position.At[partition], offset)
	l.cursor[event] = position
}

// place takes a frame's cursor as it is.
func (l *ledger) place(f *Frame) {
	if f.Cursor == nil {
		l.complain("%s without a cursor: %s", f.Type, f)
		return
	}
	l.cursor = Clone(f.Cursor)
}

// Clone copies a cursor, so that the copy can be raised.
func Clone(c wire.Cursor) wire.Cursor {
	out := maps.Clone(c)
	for event, position := range out {
		position.At = slices.Clone(position.At)
		out[event] = position
	}
	return out
}
