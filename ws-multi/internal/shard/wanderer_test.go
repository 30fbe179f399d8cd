package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// wanderer is one client that does things at random, and knows what it may hear.
type wanderer struct {
	w                *world
	seen             *seen
	r                *rand.Rand
	check            *checker
	maySlow, mayLose bool // it may be closed as too slow; a resume may be lost

	// Of this connection.
	peer    *peer
	id      int
	out     []byte         // commands that are not sent yet
	held    []wire.Pattern // what it will hold when all is answered
	pending []answer       // in order
	replay  int            // the id of the replay that is not complete; 0: none
}

// answer is what a command is to be answered with.
type answer struct {
	kind  string
	id    int
	check func(*frameOf) error
}

var errClosed = errors.New("closed by the server")

func (c *wanderer) wander(steps int) error {
	defer func() {
		if c.peer != nil {
			c.peer.Close()
		}
	}()
	for range steps {
		err := c.step()
		if errors.Is(err, errClosed) && c.maySlow {
			c.peer.Close()
			c.peer = nil
			continue
		}
		if err != nil {
			return err
		}
	}
	if c.peer == nil {
		return nil
	}
	c.heartbeat()
	if err := c.settle(); !errors.Is(err, errClosed) || !c.maySlow {
		return err
	}
	return nil
}

// step is one of the things that clients do.
func (c *wanderer) step() error {
	if c.peer == nil {
		return c.connect()
	}
	switch c.r.IntN(14) {
	case 0, 1, 2, 3:
		c.subscribe()
	case 4:
		c.unsubscribe()
	case 5, 6:
		c.heartbeat()
	case 7, 8: // several at once
		for range 2 + c.r.IntN(4) {
			[]func(){c.subscribe, c.unsubscribe, c.heartbeat}[c.r.IntN(3)]()
		}
	case 9: // changes its mind during a replay
		if c.replay == 0 {
			c.resume(c.patterns(3))
			if err := c.send(); err != nil {
				return err
			}
			time.Sleep(time.Duration(c.r.IntN(3)) * time.Millisecond)
			c.unsubscribe()
			if c.replay != 0 && c.r.IntN(2) == 0 {
				c.begin(c.patterns(2), nil, nil, nil)
			}
			c.heartbeat()
		}
	case 10: // commands without an ear for the answers
		c.heartbeat()
		if c.r.IntN(2) == 0 {
			c.subscribe()
		}
		if err := c.send(); err != nil {
			return err
		}
		c.doze(50)
	case 11:
		c.doze(60)
	case 12:
		if c.r.IntN(2) == 0 {
			c.doze(800)
		}
	case 13:
		c.leave()
		return nil
	}
	return c.settle()
}

// doze reads nothing for up to so many ms.
func (c *wanderer) doze(ms int) { time.Sleep(time.Duration(c.r.IntN(ms)) * time.Millisecond) }

// leave goes in one of the ways clients go. What is in the socket is lost, and
// the cursor is from before it.
func (c *wanderer) leave() {
	switch c.r.IntN(3) {
	case 0:
		_ = c.peer.frame(socket.OpClose, []byte{3, 232})
	case 1:
		_ = c.peer.Conn.(*net.TCPConn).SetLinger(0)
	}
	c.peer.Close()
	c.peer = nil
}

func (c *wanderer) connect() error {
	p, err := c.w.tryJoin([]int{0, 4096}[c.r.IntN(2)], auth.Anybody)
	if err != nil {
		return err
	}
	c.peer, c.out, c.held, c.pending, c.replay = p, nil, nil, nil, 0
	c.check.connected()
	f, err := p.hear(20 * time.Second)
	if err != nil || f.Type != "welcome" {
		return fmt.Errorf("no welcome: %+v, %w", f, err)
	}
	if c.r.IntN(4) > 0 {
		c.resume(c.patterns(4))
	}
	return c.settle()
}

// settle sends what is to be sent, and hears until everything is answered.
func (c *wanderer) settle() error {
	if err := c.send(); err != nil {
		return err
	}
	for len(c.pending) > 0 || c.replay != 0 {
		f, err := c.peer.hear(30 * time.Second)
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return errClosed
		}
		if err == nil {
			err = c.take(f)
		}
		if err != nil {
			return fmt.Errorf("%w, awaiting %v, a replay: %v", err, c.pending, c.replay)
		}
	}
	return nil
}

func (c *wanderer) send() error {
	out := c.out
	c.out = nil
	if _, err := c.peer.Write(out); err != nil {
		return errClosed
	}
	return nil
}

// take checks a frame.
func (c *wanderer) take(f *frameOf) (err error) {
	switch {
	case f.op == socket.OpClose && f.closeCode() == wire.CloseSlowConsumer:
		return errClosed
	case f.Type == "message":
		err = c.check.message(f)
	case f.Type == "gap":
		err = c.check.gap(f)
		c.seen.mu.Lock()
		c.seen.gaps++
		c.seen.mu.Unlock()
	case f.Type == "replay_complete" && c.replay != 0 && f.ID == c.replay:
		c.replay, c.check.last = 0, nil
		err = c.check.cursor(f.Cursor)
	case len(c.pending) > 0 && f.Type == c.pending[0].kind && f.ID == c.pending[0].id:
		a := c.pending[0]
		c.pending = c.pending[1:]
		err = a.check(f)
	default:
		err = fmt.Errorf("unexpected, code %d", f.closeCode())
	}
	if err != nil {
		err = fmt.Errorf("%.300s: %w", f.payload, err)
	}
	return err
}

// say has a command sent with the next send.
func (c *wanderer) say(command string, data any, kind string, check func(*frameOf) error) {
	c.id++
	b, err := json.Marshal(map[string]any{"type": command, "id": c.id, "data": data})
	if err != nil {
		panic(err)
	}
	c.out = masked(c.out, socket.OpText, b)
	c.pending = append(c.pending, answer{kind, c.id, check})
}

func (c *wanderer) heartbeat() {
	c.say("heartbeat", map[string]any{}, "pong", func(f *frameOf) error {
		if f.Sent != c.check.seq {
			return fmt.Errorf("%d came", c.check.seq)
		}
		if err := c.check.cursor(f.Cursor); err != nil {
			return err
		}
		if f.Merged != c.check.merged && !c.check.unsure {
			return fmt.Errorf("%d did not come", c.check.merged)
		}
		return nil
	})
}

// patterns makes up to so many of them up, each once.
func (c *wanderer) patterns(most int) (all []wire.Pattern) {
	for range 1 + c.r.IntN(most) {
		p := wire.Pattern{Symbol: testSymbols[c.r.IntN(len(testSymbols))], Event: testEvents[c.r.IntN(2)]}
		switch c.r.IntN(6) {
		case 0:
			p.Symbol = "*"
		case 1:
			p.Event = "*"
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

func (c *wanderer) subscribe() {
	patterns := c.patterns(3)
	switch c.r.IntN(3) {
	case 0:
		c.resume(patterns)
	case 1:
		c.newest(patterns)
	default:
		c.begin(patterns, nil, nil, nil)
	}
}

// resume subscribes with a cursor for the events of which nothing is held, nor
// was before what is not answered yet.
func (c *wanderer) resume(patterns []wire.Pattern) {
	if c.replay != 0 {
		return
	}
	cursor := make(map[string]any)
	var resumed []string
	for e, name := range testEvents {
		of := func(p wire.Pattern) bool { return p.Event == name || p.Event == "*" }
		if c.check.placed[e] && !c.check.holds(name) && !slices.ContainsFunc(c.held, of) &&
			len(c.pending) == 0 && slices.ContainsFunc(patterns, of) {
			cursor[name] = map[string]any{"log": "log-" + name, "at": slices.Clone(c.check.at[e])}
			resumed = append(resumed, name)
		}
	}
	c.begin(patterns, cursor, resumed, nil)
}

// newest subscribes with last, to channels that are not got yet.
func (c *wanderer) newest(patterns []wire.Pattern) {
	exact := []string{}
	for _, p := range patterns {
		if p.Symbol == "*" || p.Event == "*" {
			continue
		}
		if matches(c.held, p.Symbol, p.Event) {
			return
		}
		exact = append(exact, p.String())
	}
	if c.replay == 0 {
		c.begin(patterns, nil, nil, exact)
	}
}

func (c *wanderer) begin(patterns []wire.Pattern, cursor map[string]any, resumed, last []string) {
	var names []string
	for _, p := range patterns {
		names = append(names, p.String())
		if !slices.Contains(c.held, p) {
			c.held = append(c.held, p)
		}
	}
	data := map[string]any{"channels": names}
	if cursor != nil {
		data["cursor"] = cursor
	}
	if last != nil {
		data["last"] = 1 + c.r.IntN(20)
	}
	c.say("subscribe", data, "subscription_ack", func(f *frameOf) error {
		if len(f.Lost) > 0 && !c.mayLose {
			return errors.New("nothing can be lost")
		}
		return c.check.subscribed(f, patterns, resumed, last)
	})
	if cursor != nil || last != nil {
		c.replay = c.id
	}
}

func (c *wanderer) unsubscribe() {
	if len(c.held) == 0 {
		return
	}
	if c.replay != 0 {
		c.seen.mu.Lock()
		c.seen.cut++
		c.seen.mu.Unlock()
	}
	var patterns []wire.Pattern
	var names []string
	for _, p := range c.held {
		if c.r.IntN(2) == 0 {
			patterns = append(patterns, p)
			names = append(names, p.String())
		}
	}
	data := map[string]any{"channels": names}
	if len(names) == 0 {
		patterns, data = slices.Clone(c.held), map[string]any{}
	}
	c.held = slices.DeleteFunc(c.held, func(p wire.Pattern) bool { return slices.Contains(patterns, p) })
	c.say("unsubscribe", data, "unsubscription_ack", func(f *frameOf) error { return c.check.unsubscribed(f, patterns) })
}
