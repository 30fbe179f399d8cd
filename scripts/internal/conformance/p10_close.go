package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P10 and P12: drain, the last message, closing, close codes.
var closeCases = slices.Concat(drainCases, byeCases, codeCases)

// manyCommands allows what a case needs to do wrong ten times in a second.
var manyCommands = stage.Settings{"WS_COMMANDS_PER_S": "100"}

// misdeeds are what a client can do at once to be closed, by the code that it gets.
var misdeeds = map[wire.CloseCode]func(*stage.Conn){
	wire.CloseProtocolError: func(c *stage.Conn) { _ = c.SendBytes([]byte{0x83, 0x80, 0, 0, 0, 0}) },
	wire.CloseInvalidUTF8:   func(c *stage.Conn) { c.SendText(websocket.TextMessage, "{\"type\":\"\xff\"}") },
	wire.CloseMessageTooBig: func(c *stage.Conn) { c.SendText(websocket.TextMessage, beat("over", 65537)) },
	wire.CloseTooManyRequests: func(c *stage.Conn) {
		for range 300 {
			if c.Send(websocket.PingMessage, nil) != nil {
				break
			}
		}
	},
	wire.CloseBadRequest: func(c *stage.Conn) { c.SendText(websocket.BinaryMessage, `{"type":"heartbeat"}`) },
	wire.CloseTooManyErrors: func(c *stage.Conn) {
		for range 10 {
			c.SendText(websocket.TextMessage, `{"type":"nonsense"}`)
		}
	},
}

// byeless are those of the codes that no bye goes before.
var byeless = []wire.CloseCode{wire.CloseProtocolError, wire.CloseInvalidUTF8, wire.CloseMessageTooBig, wire.CloseSlowConsumer}

// do does a misdeed and returns the frames that are neither answers to it nor the bye.
func do(c *stage.Conn, code wire.CloseCode) (bye *check.Frame, before []*check.Frame) {
	misdeeds[code](c)
	if slices.Contains(byeless, code) {
		return nil, c.Closed(code)
	}
	bye, before = c.Farewell(code)
	return bye, slices.DeleteFunc(before, func(f *check.Frame) bool { return f.Type == "error" })
}

var byeCases = []Case{{
	ID: "P10.2a", Says: "the last message before a close by the server is a bye with code, cursor and counts", Run: func(t *T) {
		s := t.ServerWith(manyCommands)
		for code := range misdeeds {
			if slices.Contains(byeless, code) {
				continue
			}
			x := stage.Symbol()
			c := stage.Dial(t, s)
			c.Join(x + ".trade")
			s.Topics.Count(t, "trade", x, 1, 5)
			c.Counts(x+".trade", 1, 5)
			bye, before := do(c, code)
			if len(before) > 0 {
				t.Errorf("%d: before the bye came %v", code, before)
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(bye.Raw, &fields); err != nil {
				t.Fatal(err)
			}
			if got := slices.Collect(maps.Keys(fields)); !stage.SameSet(got, []string{"type", "code", "cursor", "sent", "merged", "replayed"}) {
				t.Errorf("the bye has %v", got)
			}
			if bye.Sent != 5 || bye.Merged != 0 || bye.Replayed != 0 {
				t.Errorf("got %s after 5 messages", bye)
			}
			// Its cursor covers what came before it, and nothing after.
			next := stage.Dial(t, s)
			s.Topics.Count(t, "trade", x, 6, 7)
			next.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: bye.Cursor})
			_, replayed := next.UntilType("replay_complete")
			stream := check.NewStream()
			stream.After(x+".trade", 5)
			for _, f := range replayed {
				stream.Take(f)
			}
			for stream.Last(x+".trade") < 7 {
				stream.Take(next.Want("message"))
			}
			if err := stream.Err(map[string]int64{x + ".trade": 7}); err != nil {
				t.Errorf("%d: a resume from the bye: %v", code, err)
			}
		}
	},
}, {
	ID: "P10.2b", Says: "before 1002, 1007 and 1009 there is none", Run: func(t *T) {
		for _, code := range byeless {
			if misdeeds[code] == nil {
				continue // a slow consumer's end is seen in P9.4
			}
			if _, before := do(stage.Dial(t, t.Server()), code); len(before) > 0 {
				t.Errorf("before %d came %v", code, before)
			}
		}
	},
}, {
	ID: "P10.2c", Says: "a connection closed before its welcome gets no bye", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		if before := stage.DialSilent(t, s, bearer("nonsense")).Closed(wire.CloseUnauthorized); len(before) > 0 {
			t.Errorf("before the close came %v", before)
		}
	},
}, {
	ID: "P10.3a", Says: "what is pending is sent before bye and close: answers", Run: func(t *T) {
		c := stage.Dial(t, t.ServerWith(manyCommands))
		x := stage.Symbol()
		for range 20 {
			c.SendText(websocket.TextMessage, `{"type":"heartbeat"}`)
		}
		c.SendText(websocket.TextMessage, `{"type":"subscribe","data":{"channels":["`+x+`.trade"]}}`)
		misdeeds[wire.CloseBadRequest](c)
		_, before := c.Farewell(wire.CloseBadRequest)
		if len(before) != 21 || before[19].Type != "pong" || before[20].Type != "subscription_ack" {
			t.Errorf("before the bye came %v", before)
		}
	},
}, {
	ID: "P10.3b", Says: "what is pending is sent before bye and close: the messages of one that is behind", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		c := behind(t, s)
		misdeeds[wire.CloseBadRequest](c)
		c.Unstall()
		bye, before := c.Farewell(wire.CloseBadRequest)
		stream := check.NewStream()
		for _, f := range before {
			stream.Take(f)
		}
		if err := stream.Err(piled()); err != nil {
			t.Errorf("before the bye: %v", err)
		}
		if bye.Sent != behindTotal {
			t.Errorf("got %s, want sent %d", bye, behindTotal)
		}
	},
}, {
	ID: "P10.3c", Says: "with 4500 and its like for 5 s at most: one that does not read is closed then, and is owed nothing", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		c := behind(t, s)
		began := time.Now()
		misdeeds[wire.CloseBadRequest](c)
		closedAs(t, s, wire.CloseBadRequest, 1)
		if took := time.Since(began); took < 5*time.Second-100*time.Millisecond {
			t.Errorf("it was closed after %v, though it had something pending", took)
		} else if took > 20*time.Second {
			t.Errorf("it was closed after %v", took)
		}
		c.Unstall()
		stream := check.NewStream()
		_, before, err := c.Until(stage.Within(t), func(*check.Frame) bool { return false })
		for _, f := range before {
			stream.Take(f)
		}
		if wrong := stream.Err(nil); wrong != nil {
			t.Errorf("what it was sent: %v", wrong)
		}
		var end *websocket.CloseError
		if errors.As(err, &end) && end.Code != int(wire.CloseBadRequest) && end.Code != websocket.CloseAbnormalClosure {
			t.Errorf("ended with %v", err)
		}
	},
}, {
	ID: "P10.4a", Says: "a close frame's reason is text of at most 123 bytes, and there is one", Run: func(t *T) {
		ends := map[wire.CloseCode]error{}
		for code := range misdeeds {
			c := stage.Dial(t, t.ServerWith(manyCommands))
			do(c, code)
			ends[code] = c.Ended(stage.Within(t))
		}
		long := stage.DialSilent(t, t.ServerWith(withTokens), bearer(token(t, claimed(who(strings.Repeat("Grüße", 60), later), "iss", strings.Repeat("Grüße", 60)))))
		long.Closed(wire.CloseUnauthorized)
		ends[wire.CloseUnauthorized] = long.Ended(stage.Within(t))
		for code, err := range ends {
			var end *websocket.CloseError
			if !errors.As(err, &end) || end.Text == "" || len(end.Text) > 123 || !utf8.ValidString(end.Text) {
				t.Errorf("%d: the connection ended with %q", code, err)
			}
		}
	},
}, {
	ID: "P10.5a", Says: "the server answers a client's close frame with a close frame, and sends nothing after it", Run: func(t *T) {
		s := t.Server()
		for name, sent := range map[string][]byte{
			"1000": closeFrame(wire.CloseNormal, "done"), "1001": closeFrame(wire.CloseGoingAway, ""),
			"3000": closeFrame(3000, ""), "4999": closeFrame(4999, strings.Repeat("r", 123)), "no code": frame(0x88, ""),
		} {
			r := handshake(t, s)
			r.want(websocket.TextMessage)
			r.send(sent)
			all := r.end()
			if len(all) != 1 || all[0].first != 0x88 {
				t.Errorf("%s: got %v, want a close frame alone", name, all)
				continue
			}
			switch payload := all[0].payload; {
			case name == "no code":
				t.Fact("the answer to a close frame without a code", fmt.Sprintf("%x", payload))
			case fmt.Sprint(all[0].code()) != name:
				t.Errorf("a close with %s was answered with %d", name, all[0].code())
			}
		}
	},
}, {
	ID: "P10.5b", Says: "nothing after it, also when messages flow and commands came right before and after", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		r := handshake(t, s)
		r.want(websocket.TextMessage)
		r.send(frame(0x81, `{"type":"subscribe","data":{"channels":["`+x+`.trade"]}}`))
		r.want(websocket.TextMessage)
		published := make(chan struct{})
		go func() {
			defer close(published)
			s.Topics.Count(t, "trade", x, 1, 3000)
		}()
		for range 200 {
			r.want(websocket.TextMessage)
		}
		r.send(slices.Concat(
			frame(0x81, `{"type":"heartbeat","id":"before"}`), closeFrame(wire.CloseNormal, ""),
			frame(0x81, `{"type":"heartbeat","id":"after"}`), frame(0x82, "binary"),
		))
		before := r.closed(wire.CloseNormal) // and then the connection's end
		for _, f := range before {
			if strings.Contains(string(f.payload), `"after"`) || strings.Contains(string(f.payload), `"type":"bye"`) {
				t.Errorf("got %v", f)
			}
		}
		<-published
	},
}}
