package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// What is no command at all closes the connection with its code; a neighbour
// does not feel it.
func TestFramesThatClose(t *testing.T) {
	tests := []struct {
		name    string
		kind    int
		payload string
		code    wire.CloseCode
	}{
		{"binary", websocket.BinaryMessage, `{"type":"heartbeat"}`, wire.CloseBadRequest},
		{"a list", websocket.TextMessage, `[]`, wire.CloseBadRequest},
		{"no JSON", websocket.TextMessage, `hello`, wire.CloseBadRequest},
		{"two objects", websocket.TextMessage, `{"type":"heartbeat"}{}`, wire.CloseBadRequest},
		{"empty", websocket.TextMessage, ``, wire.CloseBadRequest},
		{"not UTF-8", websocket.TextMessage, "{\"type\":\"heartbeat\",\"id\":\"\xff\"}", wire.CloseInvalidUTF8},
		{"too big", websocket.TextMessage, `{"type":"heartbeat","x":"` + strings.Repeat("x", 65536) + `"}`, wire.CloseMessageTooBig},
	}
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		neighbour := dial(t, s)
		for _, test := range tests {
			c := dial(t, s)
			c.send(test.kind, test.payload)
			c.closed(test.code)
		}
		full := dial(t, s)
		head := `{"type":"heartbeat","id":1,"x":"`
		if f := full.raw(head + strings.Repeat("x", 65536-len(head)-2) + `"}`); f.Type != "pong" {
			t.Errorf("a message of exactly 64 KiB: got %s", f)
		}
		neighbour.heartbeat()
	})
}

func TestTooManyErrors(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_COMMANDS_PER_S": "100"})
		c := dial(t, s)
		for range 9 {
			c.isError(c.raw(`{"type":"nonsense"}`), wire.UnknownType)
		}
		c.heartbeat()
		c.isError(c.raw(`{"type":"nonsense"}`), wire.UnknownType)
		c.farewell(wire.CloseTooManyErrors)
	})
}

func TestCommandRate(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		c := dial(t, s)
		// Of more commands at once than the rate, some are refused; that closes
		// nothing, not even where it is more than ten.
		for range 40 {
			c.send(websocket.TextMessage, `{"type":"unsubscribe","id":"burst"}`)
		}
		refused := 0
		for range 40 {
			f := c.next()
			if f.Type == "unsubscription_ack" {
				continue
			}
			c.isError(f, wire.RateLimitExceeded)
			refused++
		}
		if refused == 0 || refused > 30 {
			t.Errorf("%d of 40 commands were refused, the limit is 10 a second", refused)
		}
		c.heartbeat() // one in five seconds is free of the rate
		eventually(t, "the rate to have room again", func() bool {
			f, _ := c.command("unsubscribe", nil)
			return f.Type == "unsubscription_ack"
		})

		// Twice the rate over ten seconds.
		flood := dial(t, s)
		for range 260 {
			if flood.Send(websocket.TextMessage, []byte(`{"type":"unsubscribe"}`)) != nil {
				break // closed already
			}
		}
		flood.farewell(wire.CloseTooManyRequests)
	})
}

func TestControlFrameRate(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		c := dial(t, s)
		for range 200 {
			if c.Send(websocket.PingMessage, nil) != nil {
				break
			}
		}
		c.farewell(wire.CloseTooManyRequests)
	})
}

func TestChannelLimit(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_CHANNELS": "3"})
		c := dial(t, s)
		if c.welcome.Limits.Channels != 3 {
			t.Errorf("got %s", c.welcome)
		}
		c.subscribe("A.trade", "B.trade")
		c.refused(check.Subscription{Channels: []string{"C.trade", "D.trade"}}, wire.ChannelLimit)
		c.subscribe("B.trade", "C.trade")
		c.refused(check.Subscription{Channels: []string{"D.trade"}}, wire.ChannelLimit)
		c.holds("A.trade", "B.trade", "C.trade")
	})
}

func TestConnectionLimits(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, settings{"WS_MAX_CONNECTIONS": "2"})
		a, b := dial(t, s), dial(t, s)
		isRefusal(t, refusal(t, s, check.Options{}), http.StatusServiceUnavailable)
		a.heartbeat()
		b.Close()
		eventually(t, "the place to be free", func() bool {
			client, err := check.Dial(within(t), s.URL(), check.Options{})
			if err == nil {
				client.Close()
			}
			return err == nil
		})
		eventually(t, "the refusal to be counted", func() bool {
			return s.metric(t, "ws_connections_rejected_total") >= 1
		})

		per := start(t, v, tp, settings{"WS_MAX_CONNECTIONS_PER_ADDR": "1"})
		first := dial(t, per)
		isRefusal(t, refusal(t, per, check.Options{}), http.StatusTooManyRequests)
		other := dialWith(t, per, check.Options{LocalIP: []byte{127, 0, 0, 9}})
		first.heartbeat()
		other.heartbeat()
	})
}

// isRefusal checks the answer that tells a client to come back.
func isRefusal(t *testing.T, r *check.Refusal, status int) {
	t.Helper()
	after, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if r.StatusCode != status || err != nil || after < 1 {
		t.Errorf("got %v with Retry-After %q, want %d and seconds", r, r.Header.Get("Retry-After"), status)
	}
	isJSON(t, r)
}

func isJSON(t *testing.T, r *check.Refusal) {
	t.Helper()
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") || !json.Valid(r.Body) {
		t.Errorf("the refusal's body is %s: %q", kind, r.Body)
	}
}

// A server pings who is silent; who answers stays, who does not is closed.
func TestPings(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_PING_INTERVAL": "1s", "WS_PONG_TIMEOUT": "500ms"})
		healthy := dial(t, s)
		dead := dialWith(t, s, check.Options{NoPong: true})
		dead.farewell(wire.CloseTimeout)
		eventually(t, "three pings", func() bool { return healthy.Pings() >= 3 })
		healthy.heartbeat()
	})
}

// A message must arrive whole in time, whatever control frames come between.
func TestDrip(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_MESSAGE_TIMEOUT": "1s"})
		text := `{"type":"heartbeat","id":1}`

		slow := dial(t, s)
		drip(t, slow, text, 40*time.Millisecond, false)
		if f := slow.next(); f.Type != "pong" {
			t.Errorf("got %s", f)
		}

		dripping := dial(t, s)
		drip(t, dripping, text, 150*time.Millisecond, true)
		dripping.farewell(wire.CloseTimeout)
	})
}

// drip sends a text as fragments of a few bytes, with pings between them when
// asked, until the text or the connection ends.
func drip(t *testing.T, c *conn, text string, pause time.Duration, pings bool) {
	t.Helper()
	const piece = 3
	for at := 0; at < len(text); at += piece {
		part := text[at:min(at+piece, len(text))]
		header := []byte{0, 0x80 | byte(len(part)), 0, 0, 0, 0} // a continuation, masked with zeros
		if at == 0 {
			header[0] = websocket.TextMessage
		}
		if at+piece >= len(text) {
			header[0] |= 0x80 // the last one
		}
		frame := append(header, part...)
		if pings {
			frame = append(frame, 0x89, 0x80, 0, 0, 0, 0)
		}
		if c.SendBytes(frame) != nil {
			return
		}
		time.Sleep(pause)
	}
}

// Settings told off stay off, and welcome says so.
func TestLimitsOff(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_CHANNELS": "off", "WS_COMMANDS_PER_S": "off"})
		c := dial(t, s)
		if l := c.welcome.Limits; l.Channels != 0 || l.CommandsPerS != 0 {
			t.Errorf("got %s, want null for both", c.welcome)
		}
		var channels []string
		for i := range 300 {
			channels = append(channels, fmt.Sprintf("A%d.trade", i))
		}
		c.subscribe(channels...)
		for range 100 {
			c.heartbeat()
		}
	})
}
