package loop

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// input is what another goroutine tells the loop.
type input struct {
	kind    inputKind
	ref     ref
	cmd     wire.Command
	err     error
	payload []byte
	end     socket.End
	newcome *Newcomer
	who     *auth.Identity
	run     func()
	held    int64 // of the loop's room for large commands
}

type inputKind uint8

const (
	inOpen    inputKind = iota // newcome
	inCommand                  // cmd, or err; who for an auth
	inBinary
	inPing // payload
	inRoom // the socket has room again
	inEnd  // end
	inCall // run
)

// maxInputs and heldRoom bound what waits for the loop, in number and in bytes of
// large commands; then reading goroutines wait, and with them their clients. The
// bytes are those of the text: many short names are eight times as much parsed.
const (
	maxInputs = 4096
	heldRoom  = 4 << 20
	large     = 1 << 10 // as many as maxInputs of less are heldRoom, too
)

// put hands an input to the loop. After the loop's end it is dropped.
func (l *Loop) put(in input) {
	select {
	case l.inputs <- in:
	case <-l.done:
	}
}

// sink is what a reading goroutine talks to: it parses there and hands the loop
// what is ready to be done.
type sink struct {
	loop  *Loop
	ref   ref
	muted atomic.Bool // the connection is being closed; set by the loop
}

// Text parses a command. A token is verified here: that may ask a key server.
func (s *sink) Text(p []byte) {
	if s.muted.Load() {
		return
	}
	held := int64(0)
	if len(p) > large {
		held = min(int64(len(p)), heldRoom)
		if s.loop.heavy.Acquire(s.loop.life, held) != nil {
			return // the loop has ended
		}
	}
	cmd, err := wire.ParseCommand(p)
	in := input{kind: inCommand, ref: s.ref, cmd: cmd, err: err, held: held}
	if err == nil && cmd.Type == wire.TypeAuth && s.loop.o.Verify != nil {
		if held > 0 { // a key server may take its time, and what waits for it is a token only
			s.loop.heavy.Release(held)
			in.held = 0
		}
		ctx, cancel := context.WithTimeout(context.Background(), verifyTimeout)
		who, err := s.loop.o.Verify(ctx, cmd.Token)
		cancel()
		in.who, in.err = &who, err
		in.cmd.Token = ""
	}
	s.loop.put(in)
}

const verifyTimeout = 3 * time.Second

// Binary reports a binary message, whatever it holds.
func (s *sink) Binary([]byte) {
	if !s.muted.Load() {
		s.loop.put(input{kind: inBinary, ref: s.ref})
	}
}

// Ping asks for a pong.
func (s *sink) Ping(payload []byte) {
	if !s.muted.Load() {
		s.loop.put(input{kind: inPing, ref: s.ref, payload: payload})
	}
}

// End reports that reading ended.
func (s *sink) End(e socket.End) {
	s.loop.put(input{kind: inEnd, ref: s.ref, end: e})
}

// handle does what an input asks for.
func (l *Loop) handle(in *input) {
	l.do(in)
	if in.held > 0 {
		l.heavy.Release(in.held)
	}
}

func (l *Loop) do(in *input) {
	switch in.kind {
	case inOpen:
		l.welcome(in.newcome)
		return
	case inCall:
		in.run()
		return
	}
	c := l.conns[in.ref.slot]
	if c == nil || c.gen != in.ref.gen {
		return // released meanwhile
	}
	switch in.kind {
	case inEnd:
		l.ended(c, in.end)
	case inRoom:
		l.room(c)
	default:
		if c.closing != open {
			return
		}
		switch in.kind {
		case inCommand:
			l.command(c, in)
		case inBinary:
			l.closeAfter(c, wire.CloseBadRequest, "binary frames are not used: send JSON text", farewellTime)
		case inPing:
			l.reply(c, control{kind: controlPong, payload: in.payload})
		}
	}
}
