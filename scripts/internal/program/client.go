package program

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// mostErrors is how many errors that are not temporary a connection risks, of the ten with which it is closed (P3.9).
const mostErrors = 6

// client does one client's steps and writes down all that it sends and gets. It knows of the protocol what a client has to.
type client struct {
	w      *World
	k      int
	prefix string
	server int  // that it was at last
	thin   bool // its last socket

	sock *socket // nil before the first and after a cut

	mu      sync.Mutex // what follows
	conns   []Conn
	own     wire.Cursor // by P6.5
	kept    wire.Cursor // the last place in each event, also of those of which nothing is held any more
	held    []string
	waiting map[int]*Command // not answered yet
	replays map[int]bool     // not complete
	refused map[int]wire.ErrorCode
	errors  int // of the connection, not temporary
	pong    int // id of the last one
	ids     int
	changed chan struct{} // has room for one: a frame came
}

func newClient(w *World, k int, prefix string) *client {
	return &client{w: w, k: k, prefix: prefix, server: max(k, 0) % 2, kept: wire.Cursor{}, changed: make(chan struct{}, 1)}
}

// do does a step.
func (c *client) do(ctx context.Context, s Step) error {
	switch s.Do {
	case Connect:
		c.leave()
		c.mu.Lock()
		c.own, c.held = nil, nil
		c.mu.Unlock()
		c.server, c.thin = s.Server, s.Thin
		return c.dial(ctx, c.w.servers[c.server], c.thin)
	case Resume:
		c.leave()
		c.server, c.thin = s.Server, s.Thin
		return c.resume(ctx)
	case Cut:
		if c.sock != nil {
			c.sign("cut")
			c.sock.cut()
			c.gone()
		}
		return nil
	}
	if err := c.there(ctx); err != nil {
		return err
	}
	switch s.Do {
	case Subscribe:
		return c.subscribe(ctx, s)
	case Unsubscribe:
		return c.ask(ctx, Command{Type: "unsubscribe", Channels: c.names(s.Channels)}, s.Rush)
	case Heartbeat:
		return c.ask(ctx, Command{Type: "heartbeat"}, s.Rush)
	case Stall:
		c.sign("slow")
		c.sock.stall()
	case GoOn:
		c.sock.goOn()
	}
	return nil
}

// there comes back if the connection is gone.
func (c *client) there(ctx context.Context) error {
	if c.sock != nil && !c.sock.ended() {
		return nil
	}
	c.gone()
	return c.resume(ctx)
}

func (c *client) dial(ctx context.Context, server Server, thin bool) error {
	c.mu.Lock()
	c.conns = append(c.conns, Conn{Server: server.Name})
	c.waiting, c.replays, c.refused, c.errors, c.pong = map[int]*Command{}, map[int]bool{}, map[int]wire.ErrorCode{}, 0, 0
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.w.patience)
	defer cancel()
	sock, err := openSocket(ctx, server.URL, thin, c.w.clock, c.take)
	if err != nil {
		return err
	}
	c.sock = sock
	return nil
}

// sign writes down what the client does with its connection.
func (c *client) sign(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := &c.conns[len(c.conns)-1]
	if what == "slow" {
		conn.Slow = true
	} else {
		conn.End = what
	}
}

// gone writes down how the connection has ended.
func (c *client) gone() {
	if c.sock == nil {
		return
	}
	<-c.sock.done
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := &c.conns[len(c.conns)-1]
	conn.Code, conn.Err, conn.Ended = c.sock.code(), c.sock.err.Error(), c.sock.at
	c.sock = nil
}

func (c *client) leave() {
	if c.sock == nil {
		return
	}
	if !c.sock.ended() {
		c.sign("close")
		c.sock.close()
	}
	c.gone()
}

// abort ends a connection that nobody judges.
func (c *client) abort() {
	if c.sock != nil {
		c.sign("cut")
		c.sock.cut()
		c.gone()
	}
}

// resume connects and asks for all that was held, from where the client is.
func (c *client) resume(ctx context.Context) error {
	if err := c.dial(ctx, c.w.servers[c.server], c.thin); err != nil {
		return err
	}
	c.mu.Lock()
	held, own := slices.Clone(c.held), check.Clone(c.own)
	if len(held) == 0 {
		c.own = nil
	}
	c.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	for end := time.Now().Add(c.w.patience); ; {
		id, err := c.command(Command{Type: "subscribe", Channels: held, Cursor: own, Own: true})
		if err != nil {
			return c.unlessEnded(err)
		}
		code, err := c.answer(ctx, id)
		if err != nil || code != wire.Unavailable {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("client %d, connection %d: for %v the server has not come to %v", c.k, len(c.conns), c.w.patience, own)
		}
	}
}

func (c *client) names(channels []string) (names []string) {
	for _, name := range channels {
		if !strings.HasPrefix(name, "*") {
			name = c.prefix + name
		}
		names = append(names, name)
	}
	return names
}

func (c *client) subscribe(ctx context.Context, s Step) error {
	command := Command{Type: "subscribe", Channels: c.names(s.Channels), Last: s.Last}
	c.mu.Lock()
	if s.Cursor != "" {
		command.Last = 0
		cursor := wire.Cursor{}
		for event, place := range c.kept {
			if ofEvent(command.Channels, event) && (s.Cursor == "all" || !c.mayHold(event)) {
				cursor[event] = wire.Position{Log: place.Log, At: slices.Clone(place.At)}
			}
		}
		if len(cursor) > 0 {
			command.Cursor = cursor
		}
	}
	risky := command.replays() && c.errors+len(c.waiting) >= mostErrors
	c.mu.Unlock()
	if risky {
		return nil
	}
	return c.ask(ctx, command, s.Rush)
}

// ask sends a command and waits for its answer, unless it is in a rush or reads nothing.
func (c *client) ask(ctx context.Context, command Command, rush bool) error {
	id, err := c.command(command)
	if err != nil {
		return c.unlessEnded(err)
	}
	if rush {
		return nil
	}
	_, err = c.answer(ctx, id)
	return err
}

// unlessEnded is the error, but that a connection has ended is for the model to judge.
func (c *client) unlessEnded(err error) error {
	select {
	case <-c.sock.done:
		return nil
	case <-time.After(c.w.patience):
		return err
	}
}

func (c *client) command(command Command) (id int, err error) {
	c.mu.Lock()
	c.ids++
	command.ID = c.ids
	b, err := command.encode()
	if err != nil {
		c.mu.Unlock()
		return 0, err
	}
	conn := &c.conns[len(c.conns)-1]
	conn.Entries = append(conn.Entries, Entry{At: c.w.clock(), Sent: &command})
	c.waiting[command.ID] = &command
	if command.replays() {
		c.replays[command.ID] = true
	}
	c.mu.Unlock()
	return command.ID, c.sock.send(b)
}

// answer waits for a command's answer, for the connection's end, or not at all when nothing is read. The code is that of an error.
func (c *client) answer(ctx context.Context, id int) (code wire.ErrorCode, err error) {
	err = c.until(ctx, fmt.Sprintf("the answer to command %d", id), func() bool { return c.waiting[id] == nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[id], err
}

// until waits until ok says so; it is called with the client locked.
func (c *client) until(ctx context.Context, what string, ok func() bool) error {
	timeout := time.After(c.w.patience)
	for {
		c.mu.Lock()
		is := ok()
		c.mu.Unlock()
		if is || c.sock.stalled() || c.sock.ended() {
			return nil
		}
		select {
		case <-c.changed:
		case <-c.sock.done:
		case <-timeout:
			return fmt.Errorf("client %d, connection %d: %s did not come within %v", c.k, len(c.conns), what, c.w.patience)
		case <-ctx.Done():
			return fmt.Errorf("client %d: wait for %s: %w", c.k, what, ctx.Err())
		}
	}
}

// finish has the client catch up with all there is and leave. It comes back as often as it is closed for having been slow.
func (c *client) finish(ctx context.Context, target map[string][]int64) error {
	c.mu.Lock()
	never := len(c.conns) == 0
	c.mu.Unlock()
	if never {
		return nil
	}
	end := time.Now().Add(c.w.patience)
	for {
		if c.sock != nil {
			c.sock.goOn()
		}
		c.mu.Lock()
		idle := len(c.held) == 0
		c.mu.Unlock()
		if idle && (c.sock == nil || c.sock.ended()) {
			c.gone()
			return nil
		}
		if err := c.there(ctx); err != nil {
			return err
		}
		if err := c.until(ctx, "what is not answered yet", func() bool { return len(c.waiting) == 0 && len(c.replays) == 0 }); err != nil {
			return err
		}
		if c.sock.ended() {
			if err := c.mayEnd(); err != nil {
				return err
			}
			continue
		}
		id, err := c.command(Command{Type: "heartbeat"})
		if err != nil {
			if err = c.unlessEnded(err); err != nil {
				return err
			}
			continue
		}
		if _, err := c.answer(ctx, id); err != nil {
			return err
		}
		if c.covers(id, target) {
			c.leave()
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("client %d, connection %d: pongs do not cover the end of the log within %v: the client is at %v, the log at %v",
				c.k, len(c.conns), c.w.patience, c.place(), target)
		}
		sleep(ctx, 10*time.Millisecond)
	}
}

// mayEnd says whether there is sense in coming back: the model finds fault with any other end.
func (c *client) mayEnd() error {
	if code := c.sock.code(); code != int(wire.CloseSlowConsumer) {
		return fmt.Errorf("client %d, connection %d: ended with %w", c.k, len(c.conns), c.sock.err)
	}
	return nil
}
