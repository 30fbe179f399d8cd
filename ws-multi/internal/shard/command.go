package shard

import (
	"errors"
	"fmt"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// command does one command, or answers why not; then nothing has changed.
func (s *Shard) command(c *conn, cmd *wire.Command, err error) {
	if errors.Is(err, wire.ErrNotObject) { // whatever the rate
		s.counts.command(cmd.Type, wire.BadRequest)
		s.closeAfter(c, wire.CloseBadRequest, "not a JSON object", farewell)
		return
	}
	if !s.inRate(c, cmd) {
		return
	}
	var bad *wire.CommandError
	if errors.As(err, &bad) {
		s.refuse(c, cmd, bad.Code, bad.Message)
		return
	}
	switch cmd.Type {
	case wire.TypeHeartbeat:
		s.counts.command(cmd.Type, "")
		s.reply(c, control{kind: beat, id: cmd.ID})
	case wire.TypeSubscribe:
		s.subscribe(c, cmd)
	case wire.TypeUnsubscribe:
		s.unsubscribe(c, cmd)
	case wire.TypeAuth:
		s.checkToken(c, cmd)
	}
}

// freeBeat is how often a heartbeat is free of the command rate, ms.
const freeBeat = 5000

// inRate applies the command rate: beyond it an error, beyond twice of it over
// ten seconds the close.
func (s *Shard) inRate(c *conn, cmd *wire.Command) bool {
	now, rate := s.clock.now, int64(s.o.Limits.CommandsPerSecond)
	if rate == 0 {
		return true
	}
	if cmd.Type == wire.TypeHeartbeat && now-c.beatAt >= freeBeat {
		c.beatAt = now
		return true
	}
	if !c.flood.take(&s.clock, 2*rate, 2*rate*10) {
		s.closeAfter(c, wire.CloseTooManyRequests, "more than twice the command rate for 10 s", farewell)
		return false
	}
	if !c.commands.take(&s.clock, rate, rate) {
		s.refuse(c, cmd, wire.RateLimitExceeded, fmt.Sprintf("more than %d commands a second: wait, then send it again", rate))
		return false
	}
	return true
}

const (
	// Ten errors within a minute close the connection (protocol.md, section 3).
	maxErrors = 10
	errorSpan = 60_000 // ms
)

// refuse answers a command with an error. Those that ask to send the same again
// do not count against the client.
func (s *Shard) refuse(c *conn, cmd *wire.Command, code wire.ErrorCode, message string) {
	s.counts.command(cmd.Type, code)
	m := wire.Error{ID: cmd.ID, Code: code, Message: message}
	s.reply(c, control{kind: ready, payload: m.Append(nil)})
	if code.Temporary() || c.closing != open {
		return
	}
	r := c.uncommon()
	if len(r.errors) == maxErrors {
		copy(r.errors, r.errors[1:])
		r.errors = r.errors[:maxErrors-1]
	}
	r.errors = append(r.errors, s.clock.now)
	if len(r.errors) == maxErrors && s.clock.now-r.errors[0] < errorSpan {
		s.closeAfter(c, wire.CloseTooManyErrors, "ten errors within a minute", farewell)
	}
}
