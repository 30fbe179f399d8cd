package program

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// take writes a frame down and keeps the client's account.
func (c *client) take(b []byte) {
	var f check.Frame
	bad := json.Unmarshal(b, &f) != nil // the model says what is wrong with it
	c.mu.Lock()
	conn := &c.conns[len(c.conns)-1]
	conn.Entries = append(conn.Entries, Entry{At: c.w.clock(), Came: b})
	if !bad {
		c.account(&f)
	}
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *client) account(f *check.Frame) {
	if f.Type == "message" {
		event, p, o, err := f.Position()
		if at, ok := c.own[event]; err == nil && ok {
			for int(p) >= len(at.At) {
				at.At = append(at.At, -1)
			}
			at.At[p] = max(at.At[p], o)
			c.own[event], c.kept[event] = at, at
		}
		return
	}
	if f.Cursor != nil {
		c.own = check.Clone(f.Cursor)
		maps.Copy(c.kept, c.own)
	}
	var id int
	_ = json.Unmarshal(f.ID, &id) // without one it answers nothing
	if f.Type == "replay_complete" {
		delete(c.replays, id)
		return
	}
	command := c.waiting[id]
	if command == nil {
		return
	}
	delete(c.waiting, id)
	switch f.Type {
	case "subscription_ack":
		for _, p := range command.Channels {
			if !slices.Contains(c.held, p) {
				c.held = append(c.held, p)
			}
		}
	case "unsubscription_ack":
		c.held = slices.DeleteFunc(c.held, func(p string) bool {
			return command.Channels == nil || slices.Contains(command.Channels, p)
		})
	case "pong":
		c.pong = id
	case "error":
		delete(c.replays, id)
		if c.refused[id] = wire.ErrorCode(f.ErrorCode()); !f.Temporary {
			c.errors++
		}
	}
}

// mayHold says whether a channel of the event is held, or will be once all is answered.
func (c *client) mayHold(event string) bool {
	if ofEvent(c.held, event) {
		return true
	}
	for _, w := range c.waiting {
		if w.Type == "subscribe" && ofEvent(w.Channels, event) {
			return true
		}
	}
	return false
}

// covers says whether the pong has come and its cursor has all of what is held.
func (c *client) covers(id int, target map[string][]int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pong != id {
		return false
	}
	for event, at := range target {
		for p, o := range at {
			if ofEvent(c.held, event) && c.own[event].Last(int32(p)) < o {
				return false
			}
		}
	}
	return true
}

// place is where the client is.
func (c *client) place() wire.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return check.Clone(c.own)
}
