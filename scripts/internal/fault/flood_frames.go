package fault

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// badFrame is what no client may send, and how it is closed for it.
type badFrame struct {
	name  string
	bytes []byte
	code  wire.CloseCode
}

const (
	fin  = 0x80
	text = websocket.TextMessage
	ping = websocket.PingMessage
)

// badFrames are of each kind of RFC 6455, for a server whose messages may have so many bytes.
func badFrames(limit int) (all []badFrame) {
	add := func(code wire.CloseCode, name string, parts ...[]byte) {
		var bytes []byte
		for _, p := range parts {
			bytes = append(bytes, p...)
		}
		all = append(all, badFrame{name, bytes, code})
	}
	big := []byte(strings.Repeat("x", limit+1))
	var pieces, empty [][]byte
	for at := 0; at < len(big); at += 1000 {
		first := byte(0)
		if at == 0 {
			first = text
		}
		pieces = append(pieces, frame(first, big[at:min(at+1000, len(big))]))
	}
	empty = append(empty, frame(text, []byte("x")))
	for range 60_000 {
		empty = append(empty, frame(0, nil))
	}
	claimed := func(length ...byte) []byte {
		return append([]byte{fin | text, 0x80 | 127}, append(length, 0, 0, 0, 0)...)
	}

	add(wire.CloseMessageTooBig, "over the limit, whole", frame(fin|text, big))
	add(wire.CloseMessageTooBig, "over the limit, binary", frame(fin|websocket.BinaryMessage, big))
	add(wire.CloseMessageTooBig, "over the limit, in fragments", pieces...)
	add(wire.CloseMessageTooBig, "over the limit, in fragments, of which the last claims it", frame(text, big[:limit]), frame(fin, big[:2]))
	add(wire.CloseMessageTooBig, "fragments without end and content", empty...)
	add(wire.CloseMessageTooBig, "1 GiB is claimed", claimed(0, 0, 0, 0, 0x40, 0, 0, 0))
	add(wire.CloseMessageTooBig, "2^63-1 bytes are claimed", claimed(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))

	add(wire.CloseInvalidUTF8, "text is not UTF-8", frame(fin|text, []byte("{\"type\":\"\xff\"}")))
	add(wire.CloseInvalidUTF8, "text ends within a character", frame(fin|text, []byte("{\"type\":\"\xe2\x82")))
	add(wire.CloseInvalidUTF8, "text has a surrogate", frame(fin|text, []byte("\"\xed\xa0\x80\"")))
	add(wire.CloseInvalidUTF8, "text is not UTF-8, in fragments", frame(text, []byte("{\"type\":\"\xe2")), frame(0, []byte("\x28")), frame(fin, []byte("\"}")))
	add(wire.CloseInvalidUTF8, "a close's reason is not UTF-8", frame(fin|websocket.CloseMessage, []byte("\x03\xe8\xff")))

	for _, op := range []byte{3, 7, 0xb, 0xf} {
		add(wire.CloseProtocolError, fmt.Sprintf("opcode %#x", op), frame(fin|op, []byte("x")))
	}
	add(wire.CloseProtocolError, "a bit is set that nothing was agreed for", frame(fin|0x40|text, []byte("{}")))
	add(wire.CloseProtocolError, "no mask", []byte{fin | text, 2, '{', '}'})
	add(wire.CloseProtocolError, "a ping without a mask", []byte{fin | ping, 0})
	add(wire.CloseProtocolError, "a ping of 126 bytes", frame(fin|ping, big[:126]))
	add(wire.CloseProtocolError, "a ping in fragments", frame(ping, []byte("x")))
	add(wire.CloseProtocolError, "a continuation of nothing", frame(fin, []byte("x")))
	add(wire.CloseProtocolError, "a message within a message", frame(text, []byte("{")), frame(fin|text, []byte("{}")))
	add(wire.CloseProtocolError, "a length with the highest bit", claimed(0x80, 0, 0, 0, 0, 0, 0, 1))
	add(wire.CloseProtocolError, "a close of one byte", frame(fin|websocket.CloseMessage, []byte{3}))
	add(wire.CloseProtocolError, "a close with a code that is not to be sent", frame(fin|websocket.CloseMessage, []byte{3, 0xed}))
	return all
}

// frameKinds is how many badFrames there are.
const frameKinds = 26

func floodFrames(t *T) {
	const limit = 64 << 10
	const mostGrowth = 1 << 20
	each := t.Count(50)
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_MESSAGE_BYTES": "64KiB"})
	neighbour := stage.Dial(t, s)
	x := stage.Symbol()
	neighbour.Join(x + ".trade")
	frames := badFrames(limit)
	if len(frames) != frameKinds {
		t.Fatalf("there are %d kinds of bad frames, not %d", len(frames), frameKinds)
	}
	// What as many connections cost with messages that are as long, but allowed, is no growth by what is wrong with frames.
	// Twice: the first time a program takes what it then keeps.
	good := func(pass int) (most int64) {
		t.Sleep(2 * time.Second)
		memory := t.watchRSS(s)
		for i, bad := range frames {
			t.onEach(each, func() {
				if err := t.sendGood(s, min(len(bad.bytes), limit), (pass+i)%2 == 1); err != nil {
					t.Errorf("a good client: %v", err)
				}
			})
		}
		return memory()
	}
	mostOfGood := max(good(0), good(1))
	t.Sleep(2 * time.Second)
	before := t.rss(s)
	memory := t.watchRSS(s)
	var wrong []string
	for _, bad := range frames {
		wrong = append(wrong, t.sendBad(s, bad, each)...)
	}
	t.Sleep(2 * time.Second)
	most, after := memory(), t.rss(s)
	t.None("connections that were not closed with their code", len(wrong))
	if len(wrong) > 0 {
		slices.Sort(wrong)
		for kind := range slices.Chunk(wrong, each) {
			t.Errorf("such as %s", kind[0])
		}
	}
	t.held("most memory less the most with good frames, as many and as long", mib(max(most-mostOfGood, 0)), mib(mostGrowth), "MiB")
	t.Saw("%d connections of each of %d kinds; memory %.1f MiB before, at most %.1f meanwhile, %.1f after; with good ones at most %.1f",
		each, len(frames), mib(before), mib(most), mib(after), mib(mostOfGood))
	tp.Count(t, "trade", x, 1, 5)
	neighbour.Counts(x+".trade", 1, 5)
	neighbour.Heartbeat()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// onEach does something on n connections, ten at a time.
func (t *T) onEach(n int, do func()) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, 10)
	for range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do()
		})
	}
	wait.Wait()
}

// sendGood sends a command of about so many bytes, whole or in fragments, and a ping, and closes.
func (t *T) sendGood(s *stage.Server, size int, whole bool) error {
	client, err := check.Dial(stage.Within(t), s.URL(), check.Options{NoPong: true}) // one would land within the frame
	if err != nil {
		return err
	}
	defer client.Close()
	const head, tail = `{"type":"heartbeat","id":1`, `}`
	message := []byte(head + strings.Repeat(" ", max(size-len(head)-len(tail), 0)) + tail)
	var bytes []byte
	if whole {
		bytes = frame(fin|text, message)
	} else {
		for at := 0; at < len(message); at += 1000 {
			first, end := byte(0), min(at+1000, len(message))
			if at == 0 {
				first |= text
			}
			if end == len(message) {
				first |= fin
			}
			bytes = append(bytes, frame(first, message[at:end])...)
		}
	}
	if err := client.SendBytes(append(bytes, frame(fin|ping, message[:25])...)); err != nil {
		return err
	}
	_, _, err = client.Until(stage.Within(t), func(f *check.Frame) bool { return f.Type == "pong" })
	return err
}

// sendBad sends it on n connections, and says which were not closed with its code.
func (t *T) sendBad(s *stage.Server, bad badFrame, n int) (wrong []string) {
	var mu sync.Mutex
	t.onEach(n, func() {
		client, err := check.Dial(stage.Within(t), s.URL(), check.Options{NoPong: true}) // one would land within the frame
		if err == nil {
			began := time.Now()
			_ = client.SendBytes(bad.bytes) // the server may have closed it before all is written
			_, err = ended(t, client, began, false, bad.code)
			client.Abort()
		}
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			wrong = append(wrong, fmt.Sprintf("%s: %v", bad.name, err))
		}
	})
	return wrong
}
