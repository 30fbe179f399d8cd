package shard

import (
	"fmt"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// subscribe adds patterns: all of them or, with an error, none.
func (s *Shard) subscribe(c *conn, cmd *wire.Command) {
	busy := c.replaying() != nil || c.awaits() != nil
	if code, message := s.mayNot(c, cmd, busy); code != "" {
		s.refuse(c, cmd, code, message)
		return
	}
	if cmd.Cursor != nil {
		s.resume(c, s.toAwait(cmd))
		return
	}
	s.begin(c, cmd, nil, nil)
}

// mayNot says why a subscribe is refused, or nothing. It is busy while another
// replay has not come to its end.
func (s *Shard) mayNot(c *conn, cmd *wire.Command, busy bool) (wire.ErrorCode, string) {
	fresh := 0
	for i, p := range cmd.Patterns {
		if _, ok := s.index.EventIndex(p.Event); !ok && p.Event != "*" {
			return wire.ChannelInvalid, fmt.Sprintf("%s: this server has no event %q", cmd.Channels[i], p.Event)
		}
		if !c.identity.Allows(p) {
			return wire.Forbidden, fmt.Sprintf("%s: the token does not cover it", cmd.Channels[i])
		}
		if !s.index.Has(&c.subs, p) {
			fresh++
		}
	}
	would := c.subs.Count() + fresh
	if most := s.o.Limits.Channels; most > 0 && would > most {
		return wire.ChannelLimit, fmt.Sprintf("%d channels would be held, %d are allowed: unsubscribe from some first", would, most)
	}
	if cmd.Cursor == nil && cmd.Last == 0 {
		return "", ""
	}
	s.present = s.index.Events(&c.subs, s.present)
	for name := range cmd.Cursor {
		if e, ok := s.index.EventIndex(name); ok && s.present.Has(e) {
			return wire.BadRequest, fmt.Sprintf(
				"cursor: the connection holds a channel of %s already: leave %s out of the cursor", name, name)
		}
	}
	for i, p := range cmd.Patterns {
		if cmd.Last > 0 && p.Symbol != "*" && p.Event != "*" && s.index.Gets(&c.subs, p.Symbol, p.Event) {
			return wire.BadRequest, fmt.Sprintf("last: the connection gets %s already: leave it out", cmd.Channels[i])
		}
	}
	if busy {
		return wire.Busy, "an earlier replay is not complete: wait for its replay_complete"
	}
	return "", ""
}

// begin carries a subscribe out. What was judged is how a cursor's events can be
// resumed, and which are lost.
func (s *Shard) begin(c *conn, cmd *wire.Command, found []resumed, lost []string) {
	s.counts.command(cmd.Type, "")
	s.settleDue(c)
	if c.closing == closed {
		return
	}
	if cmd.Cursor != nil || cmd.Last > 0 {
		s.fallBehind(c)
	}
	s.freeze(c)
	s.index.Add(&c.subs, cmd.Patterns)
	switch {
	case cmd.Cursor != nil:
		if len(lost) == 0 {
			s.counts.Recovered++
		} else {
			s.counts.LostResumes++
		}
		s.replayFrom(c, cmd, found)
	case cmd.Last > 0:
		s.replayNewest(c, cmd)
	}
	s.look(c)
	s.reply(c, control{kind: acknowledged, resumed: found, ack: &wire.SubscriptionAck{
		ID: cmd.ID, Subscribed: cmd.Channels, Count: c.subs.Count(), Resumed: cmd.Cursor != nil, Lost: lost,
	}})
}

// unsubscribe drops patterns. What was due before is sent before the answer.
func (s *Shard) unsubscribe(c *conn, cmd *wire.Command) {
	s.settleDue(c)
	if c.closing == closed {
		return
	}
	s.freeze(c)
	var dropped []string
	if cmd.All {
		for _, p := range s.index.Patterns(&c.subs) {
			dropped = append(dropped, p.String())
		}
		s.index.Clear(&c.subs)
	}
	for i, p := range cmd.Patterns {
		if !cmd.All && s.index.Remove(&c.subs, p) {
			dropped = append(dropped, cmd.Channels[i])
		}
	}
	s.counts.command(cmd.Type, "")
	s.look(c)
	m := wire.UnsubscriptionAck{ID: cmd.ID, Unsubscribed: dropped, Count: c.subs.Count()}
	s.reply(c, control{kind: ready, payload: m.Append(nil)})
}
