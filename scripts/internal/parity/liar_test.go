package parity

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// liar is a proxy before a server that changes what the server says. It keeps seq and sent as they must be, so that it is found
// out by the messages alone.
type liar struct {
	*httptest.Server
	backend string
	lie     func(*lied, []byte) [][]byte // the frames that are sent instead of one
	lies    atomic.Int64
}

// lied is what a liar knows of a connection.
type lied struct {
	liar     *liar
	messages int
	shift    int    // how many more messages were told than the server sent
	held     []byte // a message that is kept back
}

func newLiar(t *testing.T, backend string, lie func(*lied, []byte) [][]byte) *liar {
	l := &liar{backend: backend, lie: lie}
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(l.Close)
	return l
}

func (l *liar) url() string { return "ws" + strings.TrimPrefix(l.URL, "http") + "/ws" }

func (l *liar) serve(w http.ResponseWriter, r *http.Request) {
	back, _, err := (&websocket.Dialer{Subprotocols: []string{"ws.v1"}}).DialContext(r.Context(), l.backend, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	front, err := (&websocket.Upgrader{Subprotocols: []string{"ws.v1"}}).Upgrade(w, r, nil)
	if err != nil {
		back.Close()
		return
	}
	c := &lied{liar: l}
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(back, front, func(b []byte) [][]byte { return [][]byte{b} }) })
	pumps.Go(func() { pump(front, back, func(b []byte) [][]byte { return c.told(b) }) })
	pumps.Wait()
}

// pump hands frames on until one side ends, and then ends both.
func pump(to, from *websocket.Conn, change func([]byte) [][]byte) {
	defer to.Close()
	for {
		kind, b, err := from.ReadMessage()
		if err != nil {
			code := websocket.CloseGoingAway
			if end := (*websocket.CloseError)(nil); errors.As(err, &end) && end.Code != websocket.CloseAbnormalClosure {
				code = end.Code
			}
			_ = to.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second)) // it may be gone
			return
		}
		for _, b := range change(b) {
			if err := to.WriteMessage(kind, b); err != nil {
				return
			}
		}
	}
}

// told is what the client is told instead of a frame, well counted.
func (c *lied) told(b []byte) [][]byte {
	var out [][]byte
	for _, f := range c.liar.lie(c, b) {
		out = append(out, counted(f, c))
	}
	return out
}

func isMessage(b []byte) bool { return bytes.HasPrefix(b, []byte(messageBegins)) }

// counted is a frame with the number that the client expects.
func counted(b []byte, c *lied) []byte {
	if isMessage(b) {
		c.messages++
		return append(fmt.Appendf(nil, `{"seq":%-16d,`, c.messages), b[wire.SeqLen:]...)
	}
	if at := bytes.Index(b, []byte(`"sent":`)); at >= 0 && c.shift != 0 {
		rest := b[at+len(`"sent":`):]
		n := bytes.IndexByte(rest, ',')
		sent, _ := strconv.Atoi(string(rest[:n]))
		return append(fmt.Appendf(bytes.Clone(b[:at]), `"sent":%d`, sent+c.shift), rest[n:]...)
	}
	return b
}

// nth does something to the data message of this number, of all that come through the liar.
func nth(n int64, do func(c *lied, b []byte) [][]byte) func(*lied, []byte) [][]byte {
	var seen atomic.Int64
	return func(c *lied, b []byte) [][]byte {
		if isMessage(b) && seen.Add(1) == n {
			c.liar.lies.Add(1)
			return do(c, b)
		}
		return [][]byte{b}
	}
}

// dropOneIn leaves out each n-th message.
func dropOneIn(n int64) func(*lied, []byte) [][]byte {
	var seen atomic.Int64
	return func(c *lied, b []byte) [][]byte {
		if isMessage(b) && seen.Add(1)%n == 0 {
			c.liar.lies.Add(1)
			c.shift--
			return nil
		}
		return [][]byte{b}
	}
}

// dropAt leaves out the messages of some places: the same ones, whichever server they come from.
func dropAt(some func(place) bool) func(*lied, []byte) [][]byte {
	return func(c *lied, b []byte) [][]byte {
		if !isMessage(b) {
			return [][]byte{b}
		}
		said, _ := partsOf(b[wire.SeqLen:])
		if at, ok := readPlace(said.pos); !ok || !some(at) {
			return [][]byte{b}
		}
		c.liar.lies.Add(1)
		c.shift--
		return nil
	}
}

func repeat(c *lied, b []byte) [][]byte {
	c.shift++
	return [][]byte{b, b}
}

// changeByte changes one byte of the value.
func changeByte(_ *lied, b []byte) [][]byte {
	b = bytes.Clone(b)
	b[len(b)-2] ^= 1
	return [][]byte{b}
}

// swapFrom swaps a message from this number on, the first that can be, with the next one when that is of the same channel and
// partition.
func swapFrom(n int64) func(*lied, []byte) [][]byte {
	var seen atomic.Int64
	return func(c *lied, b []byte) [][]byte {
		was := c.held
		c.held = nil
		switch {
		case was != nil && isMessage(b) && orderOf(b) == orderOf(was):
			seen.Add(1)
			c.liar.lies.Add(1)
			return [][]byte{b, was}
		case was != nil:
			return [][]byte{was, b}
		case isMessage(b) && seen.Add(1) >= n && c.liar.lies.Load() == 0:
			c.held = b
			return nil
		}
		return [][]byte{b}
	}
}

// orderOf is what all messages that must come in order have alike: channel and partition.
func orderOf(b []byte) string {
	said, _ := partsOf(b[wire.SeqLen:])
	partition, _, _ := strings.Cut(string(said.pos), ":")
	return string(said.channel) + " " + partition
}

// loseInReplay leaves out the first message of each replay that brings any: what only clients that come back can see.
func loseInReplay() func(*lied, []byte) [][]byte {
	replays := sync.Map{} // by connection
	return func(c *lied, b []byte) [][]byte {
		switch {
		case bytes.Contains(b[:min(len(b), 40)], []byte(`"subscription_ack"`)):
			replays.Store(c, true)
		case bytes.Contains(b[:min(len(b), 40)], []byte(`"replay_complete"`)):
			replays.Delete(c)
		case isMessage(b):
			if _, yes := replays.LoadAndDelete(c); yes {
				c.liar.lies.Add(1)
				c.shift--
				return nil
			}
		}
		return [][]byte{b}
	}
}

// slow hands each frame on after a time. It reads no faster than it hands on, so it is for few messages.
func slow(by time.Duration) func(*lied, []byte) [][]byte {
	return func(c *lied, b []byte) [][]byte {
		if isMessage(b) {
			c.liar.lies.Add(1)
			time.Sleep(by)
		}
		return [][]byte{b}
	}
}

func honest(_ *lied, b []byte) [][]byte { return [][]byte{b} }
