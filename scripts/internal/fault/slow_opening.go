package fault

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// others is a crowd that must not feel what is done meanwhile.
type others struct {
	t       *T
	crowd   *audience.Crowd
	feed    *audience.Feed
	without float64 // its 99th percentile in a rest, µs
	rest    string
}

// rest is a time in which nothing is done to anybody.
func (t *T) rest() {
	if t.Small {
		t.Sleep(time.Second)
		return
	}
	t.Sleep(5 * time.Second)
}

// others gathers them and looks at them in a rest.
func (t *T) others(tp *stage.Topics, s *stage.Server) *others {
	channels := crowdChannels("trade", 5)
	o := &others{t: t}
	o.crowd = t.Gather(audience.Options{URLs: []string{s.URL()}, Members: t.Count(300), Channels: allOf(channels)})
	o.feed = audience.StartFeed(t, tp, channels, 20, 200)
	t.rest()
	o.crowd.Latency()
	t.rest()
	h := o.crowd.Latency()
	o.without, o.rest = p99(h), inMS(h)
	return o
}

// disturbed begins the time that is compared.
func (o *others) disturbed() { o.crowd.Latency() }

// judged ends it and all, and holds how late messages were, too.
func (o *others) judged() {
	h := o.crowd.Latency()
	o.t.held("others' p99 with / without", p99(h)/o.without, shared, "")
	o.ledgers(h)
}

// ledgers ends all and holds the crowd to its ledgers.
func (o *others) ledgers(h *hdrhistogram.Histogram) {
	o.t.Saw("others' p50 and p99 without: %s, with: %s", o.rest, inMS(h))
	o.t.Whole(o.crowd, o.feed)
}

func slowHandshakes(t *T) {
	const timeout = 5 * time.Second
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_HANDSHAKE_TIMEOUT": timeout.String()})
	o := t.others(tp, s)
	request := "GET /ws HTTP/1.1\r\nHost: " + s.Addr + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ws.v1\r\n\r\n"
	halves, drips := t.Count(2000), t.Count(200)
	memory, resting := t.watchRSS(s), t.rss(s)
	o.disturbed()
	h := &handshakes{t: t, s: s}
	// They come a thousand a second, which leaves room in what the server accepts (WS_HANDSHAKES_PER_S).
	for i := range halves + drips {
		if i%10 == 0 {
			t.Sleep(10 * time.Millisecond)
		}
		h.wait.Go(func() {
			switch {
			case i >= halves:
				h.begin(i, request, 1, time.Second)
			case i%2 == 0:
				h.begin(i, request[:len(request)/2], len(request), 0)
			default:
				h.begin(i, "", 1, 0)
			}
		})
	}
	var slowest time.Duration
	newcomers := 0
	for h.open() > 0 {
		began := time.Now()
		client, err := check.Dial(stage.Within(t), s.URL(), check.Options{})
		if err != nil {
			t.Errorf("a newcomer meanwhile: %v", err)
			break
		}
		slowest = max(slowest, time.Since(began))
		newcomers++
		client.Close()
		t.Sleep(100 * time.Millisecond)
	}
	h.wait.Wait()
	t.None("handshakes that were not to be made, or not closed", h.failed)
	t.Most("slowest close after the connect", h.slowest.Seconds(), timeout.Seconds()+1, "s")
	t.held("slowest handshake of a newcomer meanwhile", slowest.Seconds(), 1, "s")
	t.held("most memory / before", float64(memory())/float64(resting), bounded, "")
	t.Saw("%d newcomers came in meanwhile; the first of %d was closed after %.2f s; %d got an answer first, such as %q",
		newcomers, halves+drips, h.quickest.Seconds(), h.answered, h.answer)
	o.judged()
}

// handshakes are connections that do not come to their end.
type handshakes struct {
	t    *T
	s    *stage.Server
	wait sync.WaitGroup

	mu       sync.Mutex // guards what follows
	closed   int
	failed   int
	answered int
	answer   string
	begun    int
	quickest time.Duration
	slowest  time.Duration
}

func (h *handshakes) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun == 0 {
		return 1
	}
	return h.begun - h.closed
}

// begin connects, sends text in pieces with a pause after each, and waits until the server ends the connection.
func (h *handshakes) begin(i int, text string, piece int, pause time.Duration) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 8, byte(1+i%250))}
	dialer := net.Dialer{LocalAddr: from, Timeout: 10 * time.Second}
	h.note(func() { h.begun++ })
	conn, err := dialer.Dial("tcp", h.s.Addr)
	if err != nil {
		h.note(func() { h.closed++; h.failed++ })
		return
	}
	defer conn.Close()
	began := time.Now()
	ended := make(chan struct{})
	h.wait.Go(func() {
		defer close(ended)
		_ = conn.SetReadDeadline(began.Add(30 * time.Second))
		answer, err := io.ReadAll(conn)
		took := time.Since(began)
		h.note(func() {
			h.closed++
			if errors.Is(err, os.ErrDeadlineExceeded) {
				h.failed++
			}
			if len(answer) > 0 {
				h.answered++
				h.answer, _, _ = strings.Cut(string(answer), "\r\n")
			}
			if h.quickest == 0 {
				h.quickest = took
			}
			h.slowest = max(h.slowest, took)
		})
	})
	for len(text) > 0 {
		n := min(piece, len(text))
		if _, err := io.WriteString(conn, text[:n]); err != nil {
			break
		}
		text = text[n:]
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
	}
	<-ended
}

func (h *handshakes) note(what func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	what()
}

func slowMessages(t *T) {
	// No byte of those that come so often is due at that time: for one, a server may wait a moment longer.
	const timeout = 4600 * time.Millisecond
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_MESSAGE_TIMEOUT": timeout.String()})
	o := t.others(tp, s)
	text := `{"type":"heartbeat","id":1,"padding":"so long that it is not whole in time, however it is sent"}`
	whole := frame(0x80|websocket.TextMessage, []byte(text))
	var bytesAlone, fragments, withPongs [][]byte
	for i := range whole {
		bytesAlone = append(bytesAlone, whole[i:i+1])
	}
	for i := range len(text) / 3 {
		first := byte(0) // a continuation
		if i == 0 {
			first = websocket.TextMessage
		}
		part := frame(first, []byte(text[3*i:3*i+3]))
		fragments = append(fragments, part)
		withPongs = append(withPongs, part, frame(0x80|websocket.PongMessage, nil))
	}
	each := t.Count(100)
	o.disturbed()
	var mu sync.Mutex
	var slowest time.Duration
	var wrong []string
	var wait sync.WaitGroup
	for _, way := range []struct {
		name  string
		parts [][]byte
		pause time.Duration
	}{
		{"a byte a second", bytesAlone, time.Second},
		{"fragments", fragments, 300 * time.Millisecond},
		{"fragments and pongs", withPongs, 300 * time.Millisecond},
	} {
		for i := range each {
			wait.Go(func() {
				// As clients do that know nothing of each other: at one moment all would be a burst, which is another fault.
				t.Sleep(way.pause * time.Duration(i) / time.Duration(each))
				took, err := t.drip(s, way.parts, way.pause)
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, took)
				if err != nil {
					wrong = append(wrong, fmt.Sprintf("%s: %v", way.name, err))
				}
			})
		}
	}
	wait.Wait()
	t.None("clients that were not closed with 4002", len(wrong))
	if len(wrong) > 0 {
		t.Errorf("such as %s", wrong[0])
	}
	t.Most("slowest close after the message's first byte", slowest.Seconds(), timeout.Seconds()+1, "s")
	o.judged()
}

// drip sends parts on a connection of its own until that is closed, which must be with 4002 after a bye.
func (t *T) drip(s *stage.Server, parts [][]byte, pause time.Duration) (took time.Duration, err error) {
	client, err := check.Dial(stage.Within(t), s.URL(), check.Options{NoPong: true}) // one would land within the message
	if err != nil {
		return 0, err
	}
	defer client.Abort()
	began := time.Now()
	for _, part := range parts {
		if client.SendBytes(part) != nil {
			break
		}
		select {
		case <-client.Done():
		case <-time.After(pause):
			continue
		}
		break
	}
	return ended(t, client, began, true, wire.CloseTimeout)
}

// ended waits for the connection's end, which must be by a close frame with one of the codes and, if it has one, a bye before.
func ended(t *T, client *check.Client, began time.Time, bye bool, codes ...wire.CloseCode) (took time.Duration, err error) {
	_, before, err := client.Until(stage.Within(t), func(*check.Frame) bool { return false })
	took = time.Since(began)
	if !slices.ContainsFunc(codes, func(code wire.CloseCode) bool { return stage.IsClose(err, code) }) {
		return took, fmt.Errorf("ended with %w, want close %d; before it came %v", err, codes, before)
	}
	if last := len(before) - 1; bye && (last < 0 || before[last].Type != "bye") {
		return took, fmt.Errorf("there was no bye before close %d", codes)
	}
	if broken := client.Broken(); len(broken) > 0 {
		return took, fmt.Errorf("broken: %q", broken)
	}
	return took, nil
}

// frame is a frame of a client, masked with zeros, whose first byte has the opcode, FIN and RSV.
func frame(first byte, payload []byte) []byte {
	const masked = 0x80
	head := []byte{first}
	switch n := len(payload); {
	case n < 126:
		head = append(head, masked|byte(n))
	case n <= 0xffff:
		head = append(head, masked|126, byte(n>>8), byte(n))
	default:
		head = append(head, masked|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}
