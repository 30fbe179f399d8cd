package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// liar is a proxy before a server that changes what the server says.
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
	shift    int    // what seq and sent are changed by
	held     []byte // a message that is kept back
	replays  bool   // the connection has seen one, or may yet
}

func newLiar(t *testing.T, backend string) *liar {
	l := &liar{backend: backend}
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(l.Close)
	return l
}

func (l *liar) url() string { return "ws" + strings.TrimPrefix(l.URL, "http") }

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
	var pumps sync.WaitGroup
	c := &lied{liar: l}
	pumps.Go(func() { pump(back, front, func(b []byte) [][]byte { return [][]byte{b} }) })
	pumps.Go(func() { pump(front, back, func(b []byte) [][]byte { return l.lie(c, b) }) })
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

var seqField, sentField, mergedField = regexp.MustCompile(`^\{"seq":\d+ *`), regexp.MustCompile(`"sent":\d+`), regexp.MustCompile(`"merged":\d+`)

// add changes the number of a field.
func add(field *regexp.Regexp, b []byte, n int) []byte {
	return field.ReplaceAllFunc(b, func(text []byte) []byte {
		name, number, _ := bytes.Cut(text, []byte(":"))
		was, _ := strconv.Atoi(strings.TrimSpace(string(number)))
		if field == seqField {
			return fmt.Appendf(nil, "%s:%-16d", name, was+n)
		}
		return fmt.Appendf(nil, "%s:%d", name, was+n)
	})
}

func (c *lied) shifted(b []byte) []byte {
	b = add(seqField, b, c.shift)
	if bytes.Contains(b, []byte(`"type":"pong"`)) {
		b = add(sentField, b, c.shift)
	}
	return b
}

func isType(b []byte, kind string) bool { return bytes.Contains(b, []byte(`"type":"`+kind+`"`)) }

// partitionOf is the part of a message's pos before the offset.
func partitionOf(b []byte) string {
	_, pos, _ := strings.Cut(string(b), `"pos":"`)
	place, _, _ := strings.Cut(pos, ":")
	return place
}

// A server that tells anything but the truth is found out, by the model and not just by its own numbers: the liars keep
// seq and sent as they should be, unless it is those that they lie about.
func TestLiars(t *testing.T) {
	// nth acts on the third message of a connection.
	nth := func(do func(*lied, []byte) [][]byte) func(*lied, []byte) [][]byte {
		return func(c *lied, b []byte) [][]byte {
			c.replays = c.replays || bytes.Contains(b, []byte(`"recovered"`))
			if isType(b, "message") {
				if c.messages++; c.messages == 3 {
					return do(c, b)
				}
			}
			return [][]byte{c.shifted(b)}
		}
	}
	lie := func(c *lied, frames ...[]byte) [][]byte {
		c.liar.lies.Add(1)
		return frames
	}
	for _, test := range []struct {
		name string
		lie  func(*lied, []byte) [][]byte
		want string // of which the fault has one, parted by |; "": there is no lie
	}{
		{"honest", nth(func(_ *lied, b []byte) [][]byte { return [][]byte{b} }), ""},
		{"drops one", nth(func(c *lied, _ []byte) [][]byte { return lie(c) }), "seq should be|came before this"},
		{"drops one and counts on", nth(func(c *lied, b []byte) [][]byte {
			c.shift = -1
			return lie(c)
		}), "did not come before this|were passed over|replayed should be|of them came by replays|came of the|brought"},
		{"repeats one", nth(func(c *lied, b []byte) [][]byte {
			c.shift = 1
			return lie(c, b, c.shifted(b))
		}), "came again|come in order"},
		{"changes a byte", nth(func(c *lied, b []byte) [][]byte {
			i := len(b) - 3
			b[i] ^= 1
			return lie(c, b)
		}), "byte for byte|cannot be read"},
		{"tells another place", nth(func(c *lied, b []byte) [][]byte {
			return lie(c, bytes.Replace(b, []byte(`","ts":`), []byte(`0","ts":`), 1))
		}), "nothing was written|is of channel|timestamp is|byte for byte|no channel|none of|aborted"},
		{"swaps two of a partition", func(c *lied, b []byte) [][]byte {
			was := c.held
			c.held = nil
			switch {
			case was == nil && isType(b, "message") && c.messages == 0:
				c.held = b
				return nil
			case was == nil:
				return [][]byte{b}
			case isType(b, "message") && partitionOf(was) == partitionOf(b):
				c.messages++
				return lie(c, add(seqField, b, -1), add(seqField, was, 1))
			}
			return [][]byte{was, b}
		}, "did not come before this|came again|were passed over|come in order|lie before|brought"},
		{"lowers sent", func(c *lied, b []byte) [][]byte {
			if isType(b, "pong") && !bytes.Contains(b, []byte(`"sent":0`)) {
				return lie(c, add(sentField, b, -1))
			}
			return [][]byte{b}
		}, "came before this"},
		{"raises merged", func(c *lied, b []byte) [][]byte {
			if isType(b, "pong") && c.messages == 0 {
				c.messages++
				return lie(c, add(mergedField, b, 1_000_000))
			}
			return [][]byte{b}
		}, "were passed over"},
		{"sends what nobody asked for", func(c *lied, b []byte) [][]byte {
			if isType(b, "unsubscription_ack") && bytes.Contains(b, []byte(`"count":0`)) && c.held != nil {
				c.messages++
				c.shift = 1
				return lie(c, c.shifted(b), add(seqField, c.held, 1))
			}
			if c.messages == 0 && isType(b, "message") {
				c.held = b
			}
			return [][]byte{c.shifted(b)}
		}, "none of []|came again|no cursor told"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var servers [2]Server
			var liars [2]*liar
			for i, s := range suite.servers {
				liars[i] = newLiar(t, s.URL)
				liars[i].lie = test.lie
				servers[i] = Server{Name: s.Name + ", lying", URL: liars[i].url()}
			}
			ctx := context.Background()
			w, err := Open(ctx, suite.brokers, suite.topics, servers, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			for seed := *programsSeed; ; seed++ {
				if seed-*programsSeed > 200 {
					t.Fatal("in no program there was a chance to lie")
				}
				transcripts, errs := Run(ctx, w, Draw(seed))
				if errors.Is(errs[0], ErrBroker) {
					t.Fatal(errs[0])
				}
				err := Check(transcripts[0])
				lies := liars[0].lies.Load() + liars[1].lies.Load()
				if test.want == "" {
					if err = errors.Join(err, errs[0]); err != nil {
						t.Fatal(err)
					}
					if seed-*programsSeed >= 2 {
						return
					}
				}
				if lies == 0 {
					continue
				}
				if err == nil {
					t.Fatalf("%d lies were not found; the clients say: %v\n%s", lies, errs[0], Draw(seed))
				}
				fault, _, _ := strings.Cut(err.Error(), "\nbefore it:")
				for _, want := range strings.Split(test.want, "|") {
					if strings.Contains(fault, want) {
						return
					}
				}
				t.Fatalf("found %s, want %s", fault, test.want)
			}
		})
	}
}
