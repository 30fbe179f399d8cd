package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// conn is a connection whose trouble fails its test.
type conn struct {
	*check.Client
	t       testing.TB
	welcome *check.Frame
}

// dial connects and takes the welcome. When the test ends, the connection
// must not have broken a promise.
func dial(t testing.TB, s *server) *conn {
	t.Helper()
	return dialWith(t, s, check.Options{})
}

func dialWith(t testing.TB, s *server, o check.Options) *conn {
	t.Helper()
	c := dialSilent(t, s, o)
	c.welcome = c.want("welcome")
	return c
}

// dialSilent is dialWith without a welcome.
func dialSilent(t testing.TB, s *server, o check.Options) *conn {
	t.Helper()
	client, err := check.Dial(within(t), s.URL(), o)
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{Client: client, t: t}
	t.Cleanup(func() {
		client.Close()
		for _, broken := range client.Broken() {
			t.Error(broken)
		}
	})
	return c
}

// refusal is the answer to an upgrade that must be refused.
func refusal(t testing.TB, s *server, o check.Options) *check.Refusal {
	t.Helper()
	client, err := check.Dial(within(t), s.URL(), o)
	if err == nil {
		client.Abort()
		t.Fatal("the upgrade was not refused")
	}
	var r *check.Refusal
	if !errors.As(err, &r) {
		t.Fatal(err)
	}
	return r
}

func origin(value string) http.Header { return http.Header{"Origin": {value}} }

// next takes the next frame.
func (c *conn) next() *check.Frame {
	c.t.Helper()
	f, err := c.Next(within(c.t))
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// want takes the next frame, which must be of the type.
func (c *conn) want(kind string) *check.Frame {
	c.t.Helper()
	f := c.next()
	if f.Type != kind {
		c.t.Fatalf("got %s, want a %s", f, kind)
	}
	return f
}

// until takes frames up to the first of the type.
func (c *conn) until(kind string) (found *check.Frame, before []*check.Frame) {
	c.t.Helper()
	f, before, err := c.Until(within(c.t), func(f *check.Frame) bool { return f.Type == kind })
	if err != nil {
		c.t.Fatalf("wait for %s: %v; before it came %v", kind, err, before)
	}
	return f, before
}

// ask sends a subscribe and takes frames up to its answer.
func (c *conn) ask(s check.Subscription) (answer *check.Frame, before []*check.Frame) {
	c.t.Helper()
	id, err := c.Subscribe(s)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.answer(id)
}

// command sends a command and takes frames up to its answer.
func (c *conn) command(kind string, data any) (answer *check.Frame, before []*check.Frame) {
	c.t.Helper()
	id, err := c.Command(kind, data)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.answer(id)
}

// raw sends text and takes the next frame.
func (c *conn) raw(text string) *check.Frame {
	c.t.Helper()
	c.send(websocket.TextMessage, text)
	return c.next()
}

func (c *conn) send(kind int, payload string) {
	c.t.Helper()
	if err := c.Send(kind, []byte(payload)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *conn) answer(id string) (*check.Frame, []*check.Frame) {
	c.t.Helper()
	f, before, err := c.Until(within(c.t), func(f *check.Frame) bool {
		return f.Type != "replay_complete" && string(f.ID) == id
	})
	if err != nil {
		c.t.Fatalf("wait for the answer to %s: %v; before it came %v", id, err, before)
	}
	return f, before
}

// subscribe asks for channels from now on and takes the ack.
func (c *conn) subscribe(channels ...string) *check.Frame {
	c.t.Helper()
	return c.acked(check.Subscription{Channels: channels})
}

// acked sends a subscribe whose ack must be the next frame.
func (c *conn) acked(s check.Subscription) *check.Frame {
	c.t.Helper()
	f, before := c.ask(s)
	if f.Type != "subscription_ack" || len(before) > 0 {
		c.t.Fatalf("subscribe %v: got %s, before it %v", s.Channels, f, before)
	}
	return f
}

// refused sends a subscribe that must get the error code.
func (c *conn) refused(s check.Subscription, code wire.ErrorCode) *check.Frame {
	c.t.Helper()
	f, _ := c.ask(s)
	c.isError(f, code)
	return f
}

func (c *conn) isError(f *check.Frame, code wire.ErrorCode) {
	c.t.Helper()
	if f.Type != "error" || f.ErrorCode() != string(code) || f.Temporary != code.Temporary() || f.Message == "" {
		c.t.Fatalf("got %s, want error %s with a message and temporary %t", f, code, code.Temporary())
	}
}

// heartbeat sends one and takes its pong, which must be the next frame.
func (c *conn) heartbeat() *check.Frame {
	c.t.Helper()
	f, before := c.command("heartbeat", struct{}{})
	if f.Type != "pong" || len(before) > 0 {
		c.t.Fatalf("heartbeat: got %s, before it %v", f, before)
	}
	return f
}

// message takes the next frame, which must be the n-th of the channel.
func (c *conn) message(channel string, n int) *check.Frame {
	c.t.Helper()
	f := c.want("message")
	if f.Channel != channel || string(f.Data) != fmt.Sprintf(`{"n":%d}`, n) {
		c.t.Fatalf("got %s, want n %d of %s", f, n, channel)
	}
	return f
}

// counts takes the messages from..to of the channel.
func (c *conn) counts(channel string, from, to int) {
	c.t.Helper()
	for n := from; n <= to; n++ {
		c.message(channel, n)
	}
}

// replay takes the end of a replay.
func (c *conn) replay(replayed uint64) *check.Frame {
	c.t.Helper()
	f := c.want("replay_complete")
	if f.Replayed != replayed {
		c.t.Fatalf("got %s, want replayed %d", f, replayed)
	}
	return f
}

// holds says which channels the connection has, by giving them up.
func (c *conn) holds(channels ...string) {
	c.t.Helper()
	f, _ := c.command("unsubscribe", nil)
	if f.Type != "unsubscription_ack" || f.Count != 0 || !sameSet(f.Unsubscribed, channels) {
		c.t.Fatalf("got %s, want the channels %v", f, channels)
	}
}

// closed waits for the connection's end, which must be a close frame with the
// code, and returns the frames before it.
func (c *conn) closed(code wire.CloseCode) []*check.Frame {
	c.t.Helper()
	_, before, err := c.Until(within(c.t), func(*check.Frame) bool { return false })
	if !isClose(err, code) {
		c.t.Fatalf("ended with %v, want close %d; before it came %v", err, code, before)
	}
	return before
}

// farewell is closed where a bye with the code must be the last frame.
func (c *conn) farewell(code wire.CloseCode) (bye *check.Frame, before []*check.Frame) {
	c.t.Helper()
	before = c.closed(code)
	if len(before) == 0 {
		c.t.Fatalf("closed with %d without a bye", code)
	}
	bye = before[len(before)-1]
	if bye.Type != "bye" || string(bye.Code) != fmt.Sprint(code) {
		c.t.Fatalf("got %s before close %d, want a bye with that code", bye, code)
	}
	return bye, before[:len(before)-1]
}

// isClose says whether a connection ended by a close frame with the code.
func isClose(err error, code wire.CloseCode) bool {
	var end *websocket.CloseError
	return errors.As(err, &end) && end.Code == int(code)
}
