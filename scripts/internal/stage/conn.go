package stage

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// Conn is a connection whose trouble fails its test.
type Conn struct {
	*check.Client
	t       TB
	Welcome *check.Frame
}

// Dial connects and takes the welcome. When the test ends, the connection
// must not have broken a promise.
func Dial(t TB, s *Server) *Conn {
	t.Helper()
	return DialWith(t, s, check.Options{})
}

// DialWith is Dial in another way.
func DialWith(t TB, s *Server, o check.Options) *Conn {
	t.Helper()
	c := DialSilent(t, s, o)
	c.Welcome = c.Want("welcome")
	return c
}

// DialSilent is DialWith without a welcome.
func DialSilent(t TB, s *Server, o check.Options) *Conn {
	t.Helper()
	o.Conflated = s.Conflates || s.Process == nil // one that was there before may do so
	client, err := check.Dial(Within(t), s.URL(), o)
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{Client: client, t: t}
	t.Cleanup(func() {
		client.Close()
		for _, broken := range client.Broken() {
			t.Error(broken)
		}
	})
	return c
}

// Refusal is the answer to an upgrade that must be refused.
func Refusal(t TB, s *Server, o check.Options) *check.Refusal {
	t.Helper()
	client, err := check.Dial(Within(t), s.URL(), o)
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

// Origin is the header that a page of an origin sends.
func Origin(value string) http.Header { return http.Header{"Origin": {value}} }

// Take takes the next frame.
func (c *Conn) Take() *check.Frame {
	c.t.Helper()
	f, err := c.Next(Within(c.t))
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// Want takes the next frame, which must be of the type.
func (c *Conn) Want(kind string) *check.Frame {
	c.t.Helper()
	f := c.Take()
	if f.Type != kind {
		c.t.Fatalf("got %s, want a %s", f, kind)
	}
	return f
}

// UntilType takes frames up to the first of the type.
func (c *Conn) UntilType(kind string) (found *check.Frame, before []*check.Frame) {
	c.t.Helper()
	f, before, err := c.Until(Within(c.t), func(f *check.Frame) bool { return f.Type == kind })
	if err != nil {
		c.t.Fatalf("wait for %s: %v; before it came %v", kind, err, before)
	}
	return f, before
}

// AskFor sends a subscribe and takes frames up to its answer.
func (c *Conn) AskFor(s check.Subscription) (answer *check.Frame, before []*check.Frame) {
	c.t.Helper()
	id, err := c.Subscribe(s)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.Answer(id)
}

// Ask sends a command and takes frames up to its answer.
func (c *Conn) Ask(kind string, data any) (answer *check.Frame, before []*check.Frame) {
	c.t.Helper()
	id, err := c.Command(kind, data)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.Answer(id)
}

// Raw sends text and takes the next frame.
func (c *Conn) Raw(text string) *check.Frame {
	c.t.Helper()
	c.SendText(websocket.TextMessage, text)
	return c.Take()
}

// SendText sends a frame of the kind, which is one of RFC 6455's opcodes.
func (c *Conn) SendText(kind int, payload string) {
	c.t.Helper()
	if err := c.Send(kind, []byte(payload)); err != nil {
		c.t.Fatal(err)
	}
}

// Answer takes frames up to the first answer to the command with the id.
func (c *Conn) Answer(id string) (*check.Frame, []*check.Frame) {
	c.t.Helper()
	f, before, err := c.Until(Within(c.t), func(f *check.Frame) bool {
		return f.Type != "replay_complete" && string(f.ID) == id
	})
	if err != nil {
		c.t.Fatalf("wait for the answer to %s: %v; before it came %v", id, err, before)
	}
	return f, before
}

// Join asks for channels from now on and takes the ack.
func (c *Conn) Join(channels ...string) *check.Frame {
	c.t.Helper()
	return c.Acked(check.Subscription{Channels: channels})
}

// Acked sends a subscribe whose ack must be the next frame.
func (c *Conn) Acked(s check.Subscription) *check.Frame {
	c.t.Helper()
	f, before := c.AskFor(s)
	if f.Type != "subscription_ack" || len(before) > 0 {
		c.t.Fatalf("subscribe %v: got %s, before it %v", s.Channels, f, before)
	}
	return f
}

// Refused sends a subscribe that must get the error code.
func (c *Conn) Refused(s check.Subscription, code wire.ErrorCode) *check.Frame {
	c.t.Helper()
	f, _ := c.AskFor(s)
	c.IsError(f, code)
	return f
}

// IsError wants the frame to be an error of the code, complete.
func (c *Conn) IsError(f *check.Frame, code wire.ErrorCode) {
	c.t.Helper()
	if f.Type != "error" || f.ErrorCode() != string(code) || f.Temporary != code.Temporary() || f.Message == "" {
		c.t.Fatalf("got %s, want error %s with a message and temporary %t", f, code, code.Temporary())
	}
}

// Heartbeat sends one and takes its pong, which must be the next frame.
func (c *Conn) Heartbeat() *check.Frame {
	c.t.Helper()
	f, before := c.Ask("heartbeat", struct{}{})
	if f.Type != "pong" || len(before) > 0 {
		c.t.Fatalf("heartbeat: got %s, before it %v", f, before)
	}
	return f
}

// Message takes the next frame, which must be the n-th of the channel.
func (c *Conn) Message(channel string, n int) *check.Frame {
	c.t.Helper()
	f := c.Want("message")
	if f.Channel != channel || string(f.Data) != fmt.Sprintf(`{"n":%d}`, n) {
		c.t.Fatalf("got %s, want n %d of %s", f, n, channel)
	}
	return f
}

// Counts takes the messages from..to of the channel.
func (c *Conn) Counts(channel string, from, to int) {
	c.t.Helper()
	for n := from; n <= to; n++ {
		c.Message(channel, n)
	}
}

// Replay takes the end of a replay.
func (c *Conn) Replay(replayed uint64) *check.Frame {
	c.t.Helper()
	f := c.Want("replay_complete")
	if f.Replayed != replayed {
		c.t.Fatalf("got %s, want replayed %d", f, replayed)
	}
	return f
}

// Holds says which channels the connection has, by giving them up.
func (c *Conn) Holds(channels ...string) {
	c.t.Helper()
	f, _ := c.Ask("unsubscribe", nil)
	if f.Type != "unsubscription_ack" || f.Count != 0 || !SameSet(f.Unsubscribed, channels) {
		c.t.Fatalf("got %s, want the channels %v", f, channels)
	}
}

// Closed waits for the connection's end, which must be a close frame with the
// code, and returns the frames before it.
func (c *Conn) Closed(code wire.CloseCode) []*check.Frame {
	c.t.Helper()
	_, before, err := c.Until(Within(c.t), func(*check.Frame) bool { return false })
	if !IsClose(err, code) {
		c.t.Fatalf("ended with %v, want close %d; before it came %v", err, code, before)
	}
	return before
}

// Farewell is closed where a bye with the code must be the last frame.
func (c *Conn) Farewell(code wire.CloseCode) (bye *check.Frame, before []*check.Frame) {
	c.t.Helper()
	before = c.Closed(code)
	if len(before) == 0 {
		c.t.Fatalf("closed with %d without a bye", code)
	}
	bye = before[len(before)-1]
	if bye.Type != "bye" || string(bye.Code) != fmt.Sprint(code) {
		c.t.Fatalf("got %s before close %d, want a bye with that code", bye, code)
	}
	return bye, before[:len(before)-1]
}

// SameSet says whether both hold the same strings, in any order.
func SameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// IsClose says whether a connection ended by a close frame with the code.
func IsClose(err error, code wire.CloseCode) bool {
	var end *websocket.CloseError
	return errors.As(err, &end) && end.Code == int(code)
}
