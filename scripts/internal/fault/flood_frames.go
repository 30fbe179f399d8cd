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
	all := func(n int) (wrong []string) {
		for _, bad := range frames {
			wrong = append(wrong, t.sendBad(s, bad, n)...)
		}
		return wrong
	}
	wrong := all(each)
	t.Sleep(2 * time.Second)
	before := t.rss(s)
	memory := t.watchRSS(s)
	wrong = append(wrong, all(each)...)
	t.Sleep(2 * time.Second)
	most, after := memory(), t.rss(s)
	t.None("connections that were not closed with their code", len(wrong))
	if len(wrong) > 0 {
		slices.Sort(wrong)
		for kind := range slices.Chunk(wrong, each) {
			t.Errorf("such as %s", kind[0])
		}
	}
	t.held("growth of memory, after as many before", float64(max(after-before, 0))/(1<<20), mostGrowth>>20, "MiB")
	t.Saw("%d connections of each of %d kinds, twice; memory %.1f MiB before the second time, at most %.1f in it, %.1f after",
		each, len(frames), mib(before), mib(most), mib(after))
	tp.Count(t, "trade", x, 1, 5)
	neighbour.Counts(x+".trade", 1, 5)
	neighbour.Heartbeat()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// sendBad sends it on n connections, ten at a time, and says which were not closed with its code.
func (t *T) sendBad(s *stage.Server, bad badFrame, n int) (wrong []string) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, 10)
	for range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
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
	}
	wait.Wait()
	return wrong
}
