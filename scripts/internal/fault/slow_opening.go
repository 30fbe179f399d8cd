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
	"syscall"
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

// Servers keep places for about 400 handshakes. Those that are fewer have all their time; of more, the silent make room.
const (
	withinRoom = 300
	beyondRoom = 2000
)

func slowHandshakes(t *T) {
	const timeout = 5 * time.Second
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_HANDSHAKE_TIMEOUT": timeout.String()})
	o := t.others(tp, s)
	memory, resting := t.watchRSS(s), t.rss(s)
	o.disturbed()
	few := t.slowHandshakes(s, timeout, t.Count(withinRoom), t.Count(withinRoom)/10)
	many := t.slowHandshakes(s, timeout, t.Count(beyondRoom), t.Count(beyondRoom)/10)
	for _, h := range []*handshakes{few, many} {
		which := fmt.Sprintf("of %d at once: ", h.begun)
		t.None(which+"not to be made, or not closed", h.failed)
		t.None(which+"closed before the timeout, and not by a reset", h.early)
		if h == few || t.Small {
			t.None(which+"reset to make room, though there was some", h.madeRoom)
			t.All(which+"closed at the timeout", h.atTimeout, h.begun)
			t.heldLeast(which+"open at one time", float64(h.most), float64(h.begun), "")
		} else {
			// The places were all taken, or nothing was tried; and room is made for who comes, not by sending everybody away.
			t.All(which+"reset to make room", h.madeRoom, h.begun/2)
			t.All(which+"closed at the timeout", h.atTimeout, withinRoom/3)
			t.All(which+"open at one time", h.most, withinRoom)
		}
		t.Most(which+"slowest close after the connect", h.slowest.Seconds(), timeout.Seconds()+1, "s")
		if t.Small {
			t.All(which+"newcomers let in meanwhile", h.newcomers, 1)
		} else {
			t.All(which+"newcomers let in meanwhile", h.newcomers, 30)
		}
		t.held(which+"slowest handshake of a newcomer meanwhile", h.newcomer.Seconds(), 1, "s")
		t.Saw("of %d, the first was closed after %.2f s; %d got an answer first, such as %q",
			h.begun, h.quickest.Seconds(), h.answered, h.answer)
	}
	t.held("most memory / before", float64(memory())/float64(resting), bounded, "")
	o.judged()
}

// slowHandshakes begins so many handshakes, of which some send all of it a byte a second and the others half of it at once, or
// nothing but single bytes; none comes to its end. It lets newcomers in until all are closed.
func (t *T) slowHandshakes(s *stage.Server, timeout time.Duration, halves, drips int) *handshakes {
	request := "GET /ws HTTP/1.1\r\nHost: " + s.Addr + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ws.v1\r\n\r\n"
	h := &handshakes{t: t, s: s, timeout: timeout}
	begun := make(chan struct{})
	h.wait.Go(func() {
		defer close(begun)
		// They come a thousand a second, which leaves room in what the server accepts (WS_HANDSHAKES_PER_S).
		for i := range halves + drips {
			if i%10 == 9 {
				time.Sleep(10 * time.Millisecond)
			}
			h.begin()
			h.wait.Go(func() {
				switch {
				case i >= halves:
					h.slow(i, request, 1, time.Second)
				case i%2 == 0:
					h.slow(i, request[:len(request)/2], len(request), 0)
				default:
					h.slow(i, "", 1, 0)
				}
			})
		}
	})
	for h.underWay(begun) {
		began := time.Now()
		client, err := check.Dial(stage.Within(t), s.URL(), check.Options{})
		took := time.Since(began)
		if err == nil {
			_, err = client.Next(stage.Within(t)) // the welcome
			client.Close()
		}
		if err != nil {
			t.Errorf("a newcomer meanwhile: %v", err)
			break
		}
		if h.underWay(begun) {
			h.newcomer = max(h.newcomer, took)
			h.newcomers++
		}
		t.Sleep(100 * time.Millisecond)
	}
	h.wait.Wait()
	return h
}

// handshakes are connections that do not come to their end.
type handshakes struct {
	t         *T
	s         *stage.Server
	timeout   time.Duration
	wait      sync.WaitGroup
	newcomers int           // who came in meanwhile
	newcomer  time.Duration // the slowest of them

	mu        sync.Mutex // guards what follows
	begun     int
	open      int // connected, and not closed
	closed    int
	most      int // of open
	failed    int // not to be made, or not closed
	madeRoom  int // reset before the timeout
	early     int // closed before it in another way
	atTimeout int // closed then, or later
	answered  int
	answer    string
	quickest  time.Duration
	slowest   time.Duration
}

// underWay says whether some are to come yet, or to be closed.
func (h *handshakes) underWay(begun chan struct{}) bool {
	select {
	case <-begun:
	default:
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed < h.begun
}

func (h *handshakes) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun++
}

// slow connects, sends text in pieces with a pause after each, and waits until the server ends the connection.
func (h *handshakes) slow(i int, text string, piece int, pause time.Duration) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 8, byte(1+i%250))}, Timeout: stage.Patience}
	dialed := time.Now()
	conn, err := dialer.Dial("tcp", h.s.Addr)
	if err != nil {
		h.note(func() { h.closed++; h.failed++ })
		return
	}
	defer conn.Close()
	h.note(func() {
		h.open++
		h.most = max(h.most, h.open)
	})
	connected := time.Now()
	ended := make(chan struct{})
	var writing sync.Mutex // guards refused
	var refused error      // a write's: who meets a reset first takes it, and the other sees an ordinary end
	h.wait.Go(func() {
		defer close(ended)
		_ = conn.SetReadDeadline(connected.Add(stage.Patience))
		answer, err := io.ReadAll(conn)
		now := time.Now()
		writing.Lock()
		reset := errors.Is(err, syscall.ECONNRESET) || errors.Is(refused, syscall.ECONNRESET)
		writing.Unlock()
		h.note(func() {
			h.open--
			h.closed++
			// The server's time begins somewhere between the two.
			least, took := now.Sub(dialed), now.Sub(connected)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				h.failed++
			case least >= h.timeout:
				h.atTimeout++
			case reset:
				h.madeRoom++
			default:
				h.early++
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
		writing.Lock()
		_, refused = io.WriteString(conn, text[:n])
		err := refused
		writing.Unlock()
		if err != nil {
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
	var quickest, slowest time.Duration
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
				} else if quickest == 0 || took < quickest {
					quickest = took
				}
			})
		}
	}
	wait.Wait()
	t.None("clients that were not closed with 4002", len(wrong))
	if len(wrong) > 0 {
		t.Errorf("such as %s", wrong[0])
	}
	t.Least("quickest close after the message's first byte", quickest.Seconds(), timeout.Seconds(), "s")
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
