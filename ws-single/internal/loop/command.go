package loop

import (
	"errors"
	"fmt"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// freeBeat is how often a heartbeat is free of the command rate, ms.
const freeBeat = 5000

// command does one command, or answers why not; then nothing has changed.
func (l *Loop) command(c *conn, in *input) {
	cmd := &in.cmd
	if errors.Is(in.err, wire.ErrNotObject) { // no command, so no rate of commands excuses it
		l.count(cmd.Type, wire.BadRequest)
		l.closeAfter(c, wire.CloseBadRequest, "not a JSON object", farewellTime)
		return
	}
	if !l.allowed(c, cmd) {
		return
	}
	var refused *wire.CommandError
	switch {
	case errors.As(in.err, &refused): // of the form; a token's is renew's
		l.refuse(c, cmd, refused.Code, refused.Message)
	case cmd.Type == wire.TypeHeartbeat:
		l.count(cmd.Type, "")
		l.reply(c, control{kind: controlBeat, id: cmd.ID})
	case cmd.Type == wire.TypeSubscribe:
		l.subscribe(c, cmd)
	case cmd.Type == wire.TypeUnsubscribe:
		l.unsubscribe(c, cmd)
	case cmd.Type == wire.TypeAuth:
		l.renew(c, in)
	}
}

// allowed applies the command rate. Twice the rate over ten seconds closes.
func (l *Loop) allowed(c *conn, cmd *wire.Command) bool {
	rate := int64(l.o.Limits.CommandsPerSecond)
	if rate == 0 {
		return true
	}
	now := l.clock.now
	if cmd.Type == wire.TypeHeartbeat && now-c.beatAt >= freeBeat {
		c.beatAt = now
		return true
	}
	if !c.flood.take(now, 2*rate, 20*rate) {
		l.closeAfter(c, wire.CloseTooManyRequests, "more than twice the command rate for 10 s", farewellTime)
		return false
	}
	if !c.commands.take(now, rate, rate) {
		l.refuse(c, cmd, wire.RateLimitExceeded,
			fmt.Sprintf("more than %d commands a second: wait and send it again", l.o.Limits.CommandsPerSecond))
		return false
	}
	return true
}

func (l *Loop) refuse(c *conn, cmd *wire.Command, code wire.ErrorCode, message string) {
	l.count(cmd.Type, code)
	l.fail(c, cmd.ID, code, message)
}

func (l *Loop) unsubscribe(c *conn, cmd *wire.Command) {
	l.dropDue(c)
	l.freeze(c)
	if cmd.All {
		cmd.Patterns = cmd.Patterns[:0]
		cmd.Channels = cmd.Channels[:0]
		for p := range c.subs.Patterns() {
			cmd.Channels = append(cmd.Channels, p.String())
		}
		c.subs.Clear()
	} else {
		held := cmd.Channels[:0]
		for i, p := range cmd.Patterns {
			if c.subs.Has(p) {
				held = append(held, cmd.Channels[i])
				c.subs.Remove(p)
			}
		}
		cmd.Channels = held
	}
	l.count(cmd.Type, "")
	l.reopen(c)
	m := wire.UnsubscriptionAck{ID: cmd.ID, Unsubscribed: cmd.Channels, Count: c.subs.Count()}
	l.reply(c, control{kind: controlText, payload: m.Append(nil)})
}

// dropDue sends what a live connection is due before its subscriptions change.
func (l *Loop) dropDue(c *conn) {
	for !c.pulled && !c.due.empty() {
		l.flush(c)
	}
}

// renew takes a fresh token in the place of the present one.
func (l *Loop) renew(c *conn, in *input) {
	cmd, who := &in.cmd, in.who
	switch {
	case l.o.Verify == nil:
		l.refuse(c, cmd, wire.BadRequest, "this server takes no tokens: no auth is needed")
		return
	case errors.Is(in.err, auth.ErrUnavailable):
		l.refuse(c, cmd, wire.Unavailable, "the token cannot be checked now: send it again; the old one still holds")
		return
	case in.err != nil:
		l.refuse(c, cmd, wire.Unauthorized, "the token is not valid: get a new one; the old one still holds")
		return
	case who.Subject != c.identity.Subject:
		l.refuse(c, cmd, wire.Unauthorized, "the token has another subject: open a connection of its own for it")
		return
	}
	for p := range c.subs.Patterns() {
		if !who.Allows(p) {
			l.refuse(c, cmd, wire.Forbidden,
				fmt.Sprintf("the token does not cover %s: unsubscribe from it first", p))
			return
		}
	}
	l.count(cmd.Type, "")
	c.identity = who
	l.watchExpiry(c)
	m := wire.AuthAck{ID: cmd.ID, Expires: who.Expires.UnixMilli()}
	l.reply(c, control{kind: controlText, payload: m.Append(nil)})
}

// count counts a command by its type and result.
func (l *Loop) count(t wire.Type, code wire.ErrorCode) {
	result := string(code)
	if result == "" {
		result = metric.CommandOK
	}
	l.stats.command(string(t), result)
}
