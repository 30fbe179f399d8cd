package load

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// subscribed is a worker of which each connection has subscribed, without a socket: whatever is sent to it fails
// unnoticed.
func subscribed(t testing.TB, dialect string, connections, channels, each int) *worker {
	t.Helper()
	w := newWorker()
	w.epoll = -1
	err := w.setUp(&setup{Addr: "127.0.0.1:1", Dialect: dialect, Workers: 1, Last: true, Scenario: &scenario.Scenario{
		Connections: connections, Channels: channels, Subscribe: scenario.Subscribe{Each: each},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.grow(connections)
	for i := range w.conns {
		w.conns[i].fd = 1 << 30 // no such file
		w.to(&w.conns[i], live)
	}
	w.last.reset()
	return w
}

// text is a server's frame.
func text(payload string) []byte { return serverFrame(opText, []byte(payload)) }

func serverFrame(op byte, payload []byte) []byte {
	frame := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, byte(n))
	case n < 1<<16:
		frame = append(frame, 126, byte(n>>8), byte(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(n))
	}
	return append(frame, payload...)
}

// feed is one recv(2) after the other, as the loop does it.
func feed(w *worker, i int32, now int64, reads ...[]byte) {
	for _, p := range reads {
		c := &w.conns[i]
		begin := copy(w.buf, c.rest)
		begin += copy(w.buf[begin:], p)
		used := w.received(i, w.buf[:begin], now)
		if used < 0 {
			return
		}
		w.keep(c, w.buf[used:begin])
	}
}

func TestTakeCounts(t *testing.T) {
	w := subscribed(t, WS, 2, 3, 2)
	held := w.holdings(&w.conns[0])
	a, b := held[0].channel, held[1].channel
	frames := [][]byte{
		text(wsPayload(message{1, a, 0, 10, 5, 1_000_000})),
		text(wsPayload(message{2, b, 1, 10, 9, 1_000_500})),
		text(wsPayload(message{3, a, 0, 12, 6, 1_000_000})),
	}
	feed(w, 0, 1_001_000, append(append(frames[0], frames[1]...), frames[2]...))
	c := w.snapshot()
	if c.Received != 3 || c.Reads != 1 || c.Bytes != int64(len(frames[0])+len(frames[1])+len(frames[2])) || c.Connections != 2 {
		t.Errorf("got %+v", c)
	}
	if !reflect.DeepEqual(c.Faults, Faults{}) {
		t.Errorf("faults: %+v", c.Faults)
	}
	if got := w.latency.TotalCount(); got != 3 || w.latency.Max() < 999 || w.latency.Max() > 1001 {
		t.Errorf("%d latencies, the longest %d", got, w.latency.Max())
	}
}

// Wherever reads cut a stream, the same messages are found in it.
func TestTakeCut(t *testing.T) {
	for _, dialect := range []string{WS, Hub, Centrifuge} {
		stream := sample(t, dialect)
		one := subscribed(t, dialect, 1, 1, 1)
		feed(one, 0, 2_000_000, stream)
		want := one.snapshot()
		if want.Received != 5 || want.Malformed != 0 {
			t.Fatalf("%s: got %+v", dialect, want)
		}
		for cut := 1; cut < len(stream); cut++ {
			w := subscribed(t, dialect, 1, 1, 1)
			feed(w, 0, 2_000_000, stream[:cut], stream[cut:])
			if got := w.snapshot(); got.Received != 5 || got.Bytes != want.Bytes || !reflect.DeepEqual(got.Faults, want.Faults) {
				t.Fatalf("%s cut at %d: got %+v, want %+v", dialect, cut, got, want)
			}
			if cap(w.conns[0].rest) != 0 {
				t.Fatalf("%s cut at %d: memory is kept for no half frame", dialect, cut)
			}
		}
		w := subscribed(t, dialect, 1, 1, 1)
		for k := range stream {
			feed(w, 0, 2_000_000, stream[k:k+1])
		}
		if got := w.snapshot(); got.Received != 5 || got.Bytes != want.Bytes || !reflect.DeepEqual(got.Faults, want.Faults) {
			t.Errorf("%s byte by byte: got %+v, want %+v", dialect, got, want)
		}
	}
}

// sample is a stream with each kind of frame, of which five messages are data.
func sample(t testing.TB, dialect string) []byte {
	t.Helper()
	var payloads [5]string
	for k := range payloads {
		m := message{uint64(k + 1), 0, 7, int64(100 + k), int64(k + 1), 1_999_000}
		switch dialect {
		case WS:
			payloads[k] = wsPayload(m)
		case Hub:
			payloads[k] = hubPayload(m)
		case Centrifuge:
			payloads[k] = pushPayload(m)
		}
	}
	var out []byte
	out = append(out, text(payloads[0])...)
	out = append(out, serverFrame(opPong, []byte("x"))...)
	// One in fragments, a control frame between them.
	half := len(payloads[1]) / 2
	first, second := text(payloads[1][:half]), text(payloads[1][half:])
	first[0], second[0] = opText, 0x80|opContinuation
	out = append(append(append(out, first...), serverFrame(opPong, nil)...), second...)
	switch dialect {
	case WS:
		out = append(out, text(`{"type":"notice","code":"DRAIN","reconnect_in_ms":417}`)...)
		out = append(out, text(strings.Replace(payloads[2], `"data":`, `"new":[1,{}],"data":`, 1))...) // P2.6
		out = append(append(out, text(payloads[3])...), text(payloads[4])...)
	case Hub:
		out = append(append(append(out, text(payloads[2])...), text(payloads[3])...), text(payloads[4])...)
	case Centrifuge:
		unusual := strings.Replace(payloads[3], `}}}`, `},"offset":7}}`, 1)
		out = append(out, text(payloads[2]+"\n"+unusual)...)
		out = append(out, text(payloads[4]+"\n")...)
	}
	return out
}

func TestTakeMalformed(t *testing.T) {
	tests := []struct {
		name, dialect string
		frame         []byte
		closes        bool
	}{
		{"no JSON", WS, text("hello"), false},
		{"no such type", WS, text(`{"type":"greeting"}`), false},
		{"channel not held", WS, text(wsPayload(message{1, 1, 0, 0, 1, 1})), false},
		{"channel of nobody", WS, text(strings.Replace(wsPayload(usual), "S00123", "S99999", 1)), false},
		{"no value", WS, text(`{"seq":1               ,"type":"message","channel":"S00000.trade","pos":"trade/0:1","ts":1,"data":null}`), false},
		{"n is 0", WS, text(wsPayload(message{1, 0, 0, 0, 0, 1})), false},
		{"binary", WS, serverFrame(opBinary, []byte(wsPayload(usual))), false},
		{"an error out of the blue", WS, text(`{"type":"error","code":"INTERNAL","message":"","temporary":true}`), false},
		{"an ack nobody waits for", WS, text(`{"type":"subscription_ack","id":1,"count":1}`), false},
		{"a second welcome", WS, text(`{"type":"welcome"}`), false},
		{"masked", WS, []byte{0x81, 0x80, 0, 0, 0, 0}, true},
		{"compressed", WS, []byte{0xc1, 0}, true},
		{"continuation of nothing", WS, []byte{0x80, 0}, true},
		{"no JSON", Centrifuge, text("hello"), false},
		{"a reply nobody waits for", Centrifuge, text(`{"id":7,"subscribe":{}}`), false},
	}
	for _, test := range tests {
		w := subscribed(t, test.dialect, 1, 2, 1)
		w.held[0].channel = 0
		feed(w, 0, 1, test.frame)
		c := w.snapshot()
		if c.Malformed != 1 || c.Received != 0 || c.Example == "" {
			t.Errorf("%s %s: got %+v", test.dialect, test.name, c)
		}
		if closed := c.Closed == 1 && c.Codes[protocolError] == 1 && c.Connections == 0; closed != test.closes {
			t.Errorf("%s %s: got %+v", test.dialect, test.name, c)
		}
	}
}

// The promises about seq and pos (P5.1, P5.3, P6.3).
func TestPlace(t *testing.T) {
	at := func(seq uint64, partition int32, offset, n int64) string {
		return wsPayload(message{seq, 0, partition, offset, n, 1})
	}
	pong := func(at string) string {
		return `{"type":"pong","ts":1,"cursor":{"trade":{"log":"a","at":[` + at + `]}},"sent":1,"merged":0,"replayed":0}`
	}
	tests := []struct {
		name   string
		frames []string
		want   Faults
	}{
		{"as it should be", []string{at(1, 0, 5, 1), at(2, 1, 3, 2), at(3, 0, 9, 3)}, Faults{}},
		{"not from 1", []string{at(2, 0, 5, 1), at(3, 0, 6, 2)}, Faults{BadSeq: 1}},
		{"a hole in seq", []string{at(1, 0, 5, 1), at(3, 0, 6, 2), at(4, 0, 7, 3)}, Faults{BadSeq: 1}},
		{"seq twice", []string{at(1, 0, 5, 1), at(1, 0, 6, 2), at(2, 0, 7, 3)}, Faults{BadSeq: 1}},
		{"pos back", []string{at(1, 0, 5, 1), at(2, 0, 4, 2), at(3, 0, 6, 3)}, Faults{BadPos: 1}},
		{"pos twice", []string{at(1, 0, 5, 1), at(2, 0, 5, 2)}, Faults{BadPos: 1}},
		{"no pos", []string{strings.Replace(at(1, 0, 5, 1), `"pos":"trade/0:5",`, "", 1)}, Faults{BadPos: 1}},
		{"pos of another event", []string{strings.Replace(at(1, 0, 5, 1), "trade/0", "quote/0", 1)}, Faults{BadPos: 1}},
		{"more partitions", []string{at(1, 0, 5, 1), at(2, 500, 5, 2), at(3, 0, 6, 3), at(4, 500, 5, 4)}, Faults{BadPos: 1}},
		{"a cursor that covers", []string{at(1, 0, 5, 1), pong("5,7"), at(2, 1, 8, 2)}, Faults{}},
		{"a cursor ahead", []string{at(1, 0, 5, 1), pong("5,7"), at(2, 1, 7, 2)}, Faults{BadPos: 1}},
		{"a cursor of more partitions", []string{pong(strings.Repeat("1,", 40) + "7"), at(1, 40, 8, 1), at(2, 40, 8, 2)}, Faults{BadPos: 1}},
	}
	for _, test := range tests {
		w := subscribed(t, WS, 3, 1, 1)
		var stream []byte
		for _, frame := range test.frames {
			stream = append(stream, text(frame)...)
		}
		feed(w, 1, 1, stream)
		if got := w.snapshot().Faults; !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
		for _, other := range []int32{0, 2} {
			for p, offset := range w.positions(other) {
				if offset != -1 {
					t.Errorf("%s: connection %d is at %d in partition %d", test.name, other, offset, p)
				}
			}
		}
	}
}

// The command to come back with is the protocol's, with the cursor as it was kept (P6.5).
func TestCursorCommand(t *testing.T) {
	w := subscribed(t, WS, 1, 2, 2)
	feed(w, 0, 1,
		text(`{"type":"pong","cursor":{"trade":{"log":"a","at":[7]},"quote":{"log":"b","at":[1]}}}`),
		text(wsPayload(message{1, 0, 2, 40, 1, 1})),
		text(wsPayload(message{2, 1, 0, 9, 1, 1})),
		text(wsPayload(message{3, 1, 0, 8, 2, 1}))) // never lowered
	c := &w.conns[0]
	c.resumes, c.from = true, 0
	const want = `{"type":"subscribe","id":1,"data":{"channels":["S00000.trade","S00001.trade"],"cursor":{"trade":{"log":"a","at":[9,-1,40]}}}}`
	if got := string(w.appendCommand(nil, 0)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A command holds as many channels as the server's limit allows, and the rest goes into the next.
func TestCommandsInParts(t *testing.T) {
	for _, dialect := range []string{WS, Hub, Centrifuge} {
		w := subscribed(t, dialect, 1, 300, 300)
		w.commandBytes = 1000
		c := &w.conns[0]
		channels, acks := 0, 0
		for commands := 0; c.from < c.held; c.from = c.upTo {
			command := string(w.appendCommand(nil, 0))
			channels += strings.Count(command, ".trade")
			acks += int(c.acks)
			if len(command) > w.commandBytes {
				t.Fatalf("%s: %d bytes", dialect, len(command))
			}
			if commands++; commands > 100 {
				t.Fatalf("%s: no end", dialect)
			}
		}
		want := map[string]int{WS: 6, Hub: 6, Centrifuge: 301}[dialect]
		if channels != 300 || acks != want {
			t.Errorf("%s: %d channels, %d answers, want %d", dialect, channels, acks, want)
		}
	}
}

func TestLastReads(t *testing.T) {
	var l lastReads
	l.reset()
	l.note(1000, 5)
	l.note(999, 9)
	l.note(1000, 8)
	l.note(1000, 4)
	l.note(1000+3*slots, 7)
	l.note(1, 7) // of long ago
	want := map[int64]Span{1000: {5, 8}, 999: {9, 9}, 1000 + 3*slots: {7, 7}}
	if got := l.table(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	l.reset()
	if got := l.table(); len(got) != 0 {
		t.Errorf("got %v after a reset", got)
	}
}

// A connection is small: fifty thousand of them are in one computer with the server.
func TestSizes(t *testing.T) {
	w := subscribed(t, WS, 1, 20, 20)
	connection := int(unsafe.Sizeof(conn{})) + 8*w.partitions
	if connection >= 300 {
		t.Errorf("a connection has %d bytes", connection)
	}
	if holding := unsafe.Sizeof(holding{}); holding > 16 {
		t.Errorf("a channel of a connection has %d bytes", holding)
	}
	t.Logf("a connection has %d bytes, and 16 a channel", connection)
}

// Nothing is allocated for messages, whole or cut, so the collector has nothing to do while something is measured.
func TestTakeDoesNotAllocate(t *testing.T) {
	const runs, each = 100, 40
	for _, dialect := range []string{WS, Hub, Centrifuge} {
		var streams [][]byte
		for k := range int64(runs + 2) {
			streams = append(streams, appendMessages(nil, dialect, k*each, each))
		}
		w := subscribed(t, dialect, 1, 20, 20)
		next := 0
		take := func() {
			stream := streams[next]
			next++
			feed(w, 0, 1_000_000, stream[:len(stream)/2+1], stream[len(stream)/2+1:])
		}
		take()
		if n := testing.AllocsPerRun(runs, take); n > 0 {
			t.Errorf("%s: %v allocations for %d messages", dialect, n, each)
		}
		if c := w.snapshot(); c.Received != (runs+2)*each || !reflect.DeepEqual(c.Faults, Faults{}) {
			t.Errorf("%s: got %+v", dialect, c)
		}
	}
}

// appendMessages makes frames of the messages from k on, which go over 20 channels and 12 partitions in turn.
func appendMessages(dst []byte, dialect string, k int64, n int) []byte {
	for range n {
		m := message{uint64(k + 1), int32(k % 20), int32(k % 12), k, k/20 + 1, 999_000}
		switch dialect {
		case WS:
			dst = append(dst, text(wsPayload(m))...)
		case Hub:
			dst = append(dst, text(hubPayload(m))...)
		case Centrifuge:
			dst = append(dst, text(pushPayload(m))...)
		}
		k++
	}
	return dst
}

// BenchmarkTake is what a message costs the generator besides the kernel: an operation is one message of 20 channels, of
// which a read brings so many.
func BenchmarkTake(b *testing.B) {
	for _, dialect := range []string{WS, Hub, Centrifuge} {
		for _, each := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", dialect, each), func(b *testing.B) {
				const messages = 16 << 10
				stream := appendMessages(nil, dialect, 0, messages)
				var cuts [][]byte
				for at := 0; at < len(stream); {
					from := at
					for range each {
						h, _ := readHeader(stream[at:])
						at += h.head + h.size
					}
					cuts = append(cuts, stream[from:at])
				}
				w := subscribed(b, dialect, 1, 20, 20)
				b.ReportAllocs()
				b.ResetTimer()
				for done := 0; done < b.N; done += each {
					k := done / each % len(cuts)
					if k == 0 {
						w.forget(0)
						w.conns[0].seq = 0
					}
					w.take(0, cuts[k], 1_000_000)
				}
				b.StopTimer()
				if c := w.snapshot(); !reflect.DeepEqual(c.Faults, Faults{}) {
					b.Fatalf("%+v", c)
				}
			})
		}
	}
}

// FuzzTake: whatever comes, nothing panics, no more is used than is there, and where reads cut it makes no difference.
func FuzzTake(f *testing.F) {
	for d, dialect := range []string{WS, Hub, Centrifuge} {
		f.Add(uint8(d), sample(f, dialect), uint16(7))
	}
	f.Add(uint8(0), text(wsPayload(message{1, 0, 0, 5, 1, 1})), uint16(3))
	f.Add(uint8(0), serverFrame(opClose, []byte{0x0f, 0xa1}), uint16(1))
	f.Add(uint8(0), serverFrame(opPing, []byte("hello")), uint16(1))
	f.Add(uint8(0), []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0, 'x'}, uint16(4))
	f.Add(uint8(2), text("{}\n{\"id\":1}\n"), uint16(4))
	f.Fuzz(func(t *testing.T, d uint8, stream []byte, cut uint16) {
		if len(stream) > readBuffer/2 {
			return
		}
		dialect := []string{WS, Hub, Centrifuge}[d%3]
		one, two := subscribed(t, dialect, 1, 1, 1), subscribed(t, dialect, 1, 1, 1)
		feed(one, 0, 5, stream)
		at := 0
		if len(stream) > 0 {
			at = int(cut) % len(stream)
		}
		feed(two, 0, 5, stream[:at])
		if two.conns[0].fd >= 0 && two.conns[0].step == live {
			feed(two, 0, 5, stream[at:])
		}
		a, b := one.snapshot(), two.snapshot()
		a.Reads, b.Reads, a.Example, b.Example = 0, 0, "", ""
		if !reflect.DeepEqual(a, b) {
			t.Errorf("whole: %+v\ncut:   %+v", a, b)
		}
	})
}
