package history

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const never = 1 << 62 // ms: a window that nothing leaves

// testLog is a log of so many events, each with partitions that start at 0.
func testLog(bytes int64, events, partitions int) *Log {
	var names []string
	for i := range events {
		names = append(names, fmt.Sprintf("e%d", i))
	}
	l := New(Options{Events: names, Window: never, Bytes: bytes})
	for e := range events {
		l.Opened(e, "one")
		for p := range partitions {
			l.Started(e, int32(p), 0)
		}
	}
	return l
}

// put appends a small record of event 0.
func put(l *Log, symbol string, partition int32, offset int64) uint64 {
	return l.Append(&Record{
		Symbol: []byte(symbol), Partition: partition, Offset: offset, Timestamp: 1000 + offset,
		Value: fmt.Appendf(nil, `{"n":%d}`, offset),
	}, 0)
}

func drain(r *Reader) []uint64 {
	var all []uint64
	for {
		n, ok := r.Peek()
		if !ok {
			return all
		}
		all = append(all, n)
		r.Advance()
	}
}

func channelOf(t testing.TB, v *View, symbol string) *Channel {
	t.Helper()
	ch := v.Channels.Find(symbol, "e0")
	if ch == nil {
		t.Fatalf("nobody holds %s", symbol)
	}
	return ch
}

func readChannel(v *View, ch *Channel, from, bound uint64, starts []uint64) []uint64 {
	var r Reader
	r.Reset(bound)
	r.Channel(v, ch, from, starts)
	return drain(&r)
}

func readEvent(v *View, event int, from uint64, starts []uint64) []uint64 {
	var r Reader
	r.Reset(v.End)
	r.Event(v, event, from, starts)
	r.Gaps(v, event, from)
	return drain(&r)
}

func at(log string, offsets ...int64) wire.Position { return wire.Position{Log: log, At: offsets} }
