package e2e

import (
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A connection that is closed for what it sent is closed alone.
func TestNeighbour(t *testing.T) {
	again := func(kind int, payload string, times int) func(*stage.Conn) {
		return func(c *stage.Conn) {
			for range times {
				if c.Send(kind, []byte(payload)) != nil {
					break // closed already
				}
			}
		}
	}
	misdeeds := map[wire.CloseCode]func(*stage.Conn){
		wire.CloseBadRequest:      again(websocket.BinaryMessage, `{"type":"heartbeat"}`, 1),
		wire.CloseInvalidUTF8:     again(websocket.TextMessage, "{\"type\":\"heartbeat\",\"id\":\"\xff\"}", 1),
		wire.CloseMessageTooBig:   again(websocket.TextMessage, strings.Repeat(" ", 65537), 1),
		wire.CloseTooManyErrors:   again(websocket.TextMessage, `{"type":"nonsense"}`, 10),
		wire.CloseTooManyRequests: again(websocket.PingMessage, "", 300),
	}
	each(t, func(t *testing.T, v variant.Variant) {
		s, x := shared(t, v), stage.Symbol()
		neighbour := stage.Dial(t, s)
		neighbour.Join(x + ".trade")
		n := 0
		for code, misdeed := range misdeeds {
			c := stage.Dial(t, s)
			misdeed(c)
			c.Closed(code)
			n++
			s.Topics.Count(t, "trade", x, n, n)
			neighbour.Message(x+".trade", n)
		}
		if pong := neighbour.Heartbeat(); pong.Sent != uint64(n) {
			t.Errorf("got %s, want sent %d", pong, n)
		}
	})
}
