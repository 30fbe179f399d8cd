package shard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// verifyTimeout bounds how long a token is checked: it may take a key server.
const verifyTimeout = 3 * time.Second

// checkToken checks a fresh token: in place if that needs nothing but a signature,
// and else on a goroutine of its own, for a key server may have to be asked. Until
// that has answered nothing more is read of the connection, so that commands behind
// the auth find it done.
func (s *Shard) checkToken(c *conn, cmd *wire.Command) {
	if s.o.Tokens == nil {
		s.refuse(c, cmd, wire.BadRequest, "this server takes no tokens: no auth is needed")
		return
	}
	if who, err := s.o.Tokens.Try(cmd.Token); !errors.Is(err, auth.ErrWouldWait) {
		s.renew(c, cmd, &who, err)
		return
	}
	c.flags |= verifying
	id, question := c.id, *cmd
	s.asked.Go(func() {
		ctx, cancel := context.WithTimeout(s.context, verifyTimeout)
		who, err := s.o.Tokens.Verify(ctx, question.Token)
		cancel()
		question.Token = ""
		s.answer(id, func(c *conn) {
			c.flags &^= verifying
			if c.closing == open {
				s.renew(c, &question, &who, err)
			}
			s.readOn(c)
		})
	})
}

// readOn goes on where reading stopped for an auth.
func (s *Shard) readOn(c *conn) {
	id := c.id
	if r := c.rare; r != nil && r.held != nil {
		held := r.held
		r.held = nil
		s.feed(c, held)
	}
	if s.get(id) == c {
		s.receive(c)
	}
}

// renew takes a token in the place of the present one, or says why not; then the
// old one still holds.
func (s *Shard) renew(c *conn, cmd *wire.Command, who *auth.Identity, err error) {
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		s.refuse(c, cmd, wire.Unavailable, "the token cannot be checked now: send it again; the old one still holds")
		return
	case err != nil:
		s.refuse(c, cmd, wire.Unauthorized, "the token is not valid: get a new one; the old one still holds")
		return
	case who.Subject != c.identity.Subject:
		s.refuse(c, cmd, wire.Unauthorized, "the token has another subject: open a connection of its own for it")
		return
	}
	for _, p := range s.index.Patterns(&c.subs) {
		if !who.Allows(p) {
			s.refuse(c, cmd, wire.Forbidden, fmt.Sprintf("the token does not cover %s: unsubscribe from it first", p))
			return
		}
	}
	s.counts.command(cmd.Type, "")
	c.identity = who
	s.watchToken(c)
	m := wire.AuthAck{ID: cmd.ID, Expires: who.Expires.UnixMilli()}
	s.reply(c, control{kind: ready, payload: m.Append(nil)})
}

// tokenCheck bounds how long a step of the time of day can hide the end of a
// token, ms.
const tokenCheck = 20_000

// watchToken has the wheel look at the connection when its token ends.
func (s *Shard) watchToken(c *conn) {
	if c.identity.Expires.IsZero() {
		return
	}
	left := c.identity.Expires.Sub(s.now).Milliseconds() + 1
	s.wakeFor(c, s.clock.now+min(max(left, 1), tokenCheck))
}
