package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

var (
	// limitsSmall are limits that a case can reach: smallBytes is that of messages.
	limitsSmall = stage.Settings{"WS_MESSAGE_BYTES": "10KiB", "WS_CHANNELS": "3", "WS_COMMANDS_PER_S": "20", "LOG_LEVEL": "debug"}
	// limitsOff are none.
	limitsOff = stage.Settings{"WS_MESSAGE_BYTES": "off", "WS_CHANNELS": "off", "WS_COMMANDS_PER_S": "off"}
)

const smallBytes = 10 << 10

// beat is a heartbeat of so many bytes.
func beat(id string, bytes int) string {
	head, tail := fmt.Sprintf(`{"type":"heartbeat","id":%q,"x":"`, id), `"}`
	return head + strings.Repeat("x", bytes-len(head)-len(tail)) + tail
}

var welcomeCases = []Case{{
	ID: "P2.4a", Says: "the first message is the welcome, with the fields that the protocol names and no other", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(c.Welcome.Raw, &fields); err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(maps.Keys(fields)); !stage.SameSet(got, []string{"type", "conn", "server", "version", "heartbeat_ms", "limits"}) {
			t.Errorf("the welcome has %v", got)
		}
		if w := c.Welcome; w.Conn == "" || w.Version == "" || w.Server != t.site.Name() {
			t.Errorf("got %s of %s", w, t.site.Name())
		}
		c.Heartbeat() // nothing else came with it
	},
}, {
	ID: "P2.4b", Says: "the welcome comes first, also when commands follow the handshake at once", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		r := handshake(t, s)
		r.send(slices.Concat(
			frame(0x89, "now"), frame(0x81, `{"type":"heartbeat","id":1}`),
			frame(0x81, `{"type":"subscribe","id":2,"data":{"channels":["`+x+`.trade"]}}`), frame(0x81, `nonsense`),
		))
		var types []string
		for _, f := range r.closed(wire.CloseBadRequest) {
			var m struct{ Type string }
			if f.op() == websocket.TextMessage {
				if err := json.Unmarshal(f.payload, &m); err != nil {
					t.Fatal(err)
				}
				types = append(types, m.Type)
			} else {
				types = append(types, fmt.Sprint(f.op()))
			}
		}
		if want := []string{"welcome", "10", "pong", "subscription_ack", "bye"}; !slices.Equal(types, want) {
			t.Errorf("came %v, want %v", types, want)
		}
	},
}, {
	ID: "P2.4c", Says: "conn names the connection in the server's logs, and no two are the same", Run: func(t *T) {
		s := t.ServerWith(limitsSmall)
		seen := map[string]bool{}
		for range 10 {
			c := stage.Dial(t, s)
			name := c.Welcome.Conn
			if seen[name] {
				t.Fatalf("two connections are named %s", name)
			}
			seen[name] = true
			c.Close()
		}
		for name := range seen {
			stage.Eventually(t, "the log to name "+name, func() bool { return strings.Contains(s.Process.Logs(), name) })
		}
	},
}, {
	ID: "P2.4d", Says: "heartbeat_ms is how often a heartbeat is due: 25,000 unless WS_PING_INTERVAL says else", Run: func(t *T) {
		if ms := stage.Dial(t, t.Server()).Welcome.HeartbeatMS; ms != 25_000 {
			t.Errorf("it is %d", ms)
		}
		if ms := stage.Dial(t, t.ServerWith(livelyPings)).Welcome.HeartbeatMS; ms != int(livelyPing.Milliseconds()) {
			t.Errorf("it is %d where pings are due every %v", ms, livelyPing)
		}
	},
}, {
	ID: "P2.4e", Says: "limits are those of the server: 64 KiB, 256 channels and 10 commands a second unless set", Run: func(t *T) {
		if l := stage.Dial(t, t.Server()).Welcome.Limits; l != (check.Limits{MessageBytes: 65536, Channels: 256, CommandsPerS: 10}) {
			t.Errorf("got %+v", l)
		}
		if l := stage.Dial(t, t.ServerWith(limitsSmall)).Welcome.Limits; l != (check.Limits{MessageBytes: smallBytes, Channels: 3, CommandsPerS: 20}) {
			t.Errorf("got %+v", l)
		}
	},
}, {
	ID: "P2.4f", Says: "limits.message_bytes bounds one message: as many bytes are taken", Run: func(t *T) {
		for s, most := range map[*stage.Server]int{t.Server(): 65536, t.ServerWith(limitsSmall): smallBytes} {
			if f := stage.Dial(t, s).Raw(beat("full", most)); f.Type != "pong" || string(f.ID) != `"full"` {
				t.Errorf("a message of %d bytes got %s", most, f)
			}
		}
	},
}, {
	ID: "P2.4g", Says: "limits.channels bounds the channels held at once: as many are held, and room made is room", Run: func(t *T) {
		c := stage.Dial(t, t.ServerWith(limitsSmall))
		a, b, d, e := stage.Symbol()+".trade", stage.Symbol()+".trade", stage.Symbol()+".trade", stage.Symbol()+".trade"
		c.Join(a, b, d)
		c.Refused(check.Subscription{Channels: []string{e}}, wire.ChannelLimit)
		if f, _ := c.Ask("unsubscribe", map[string]any{"channels": []string{a}}); f.Count != 2 {
			t.Fatalf("got %s", f)
		}
		c.Join(e)
		c.Holds(b, d, e)
	},
}, {
	ID: "P2.4h", Says: "limits.commands_per_s bounds the commands a second: as many at once are done", Run: func(t *T) {
		for s, rate := range map[*stage.Server]int{t.Server(): 10, t.ServerWith(limitsSmall): 20} {
			c := stage.Dial(t, s)
			for range rate {
				c.SendText(websocket.TextMessage, `{"type":"unsubscribe"}`)
			}
			for range rate {
				c.Want("unsubscription_ack")
			}
		}
	},
}, {
	ID: "P2.4i", Says: "a limit that is not set is null in the welcome, and does not bind", Run: func(t *T) {
		c := stage.Dial(t, t.ServerWith(limitsOff))
		if want := []byte(`"limits":{"message_bytes":null,"channels":null,"commands_per_s":null}`); !bytes.Contains(c.Welcome.Raw, want) {
			t.Errorf("got %s, want %s", c.Welcome, want)
		}
		if f := c.Raw(beat("large", 300_000)); f.Type != "pong" {
			t.Errorf("a message of 300,000 bytes got %s", f)
		}
		var channels []string
		for range 300 {
			channels = append(channels, stage.Symbol()+".trade")
		}
		if ack := c.Join(channels...); ack.Count != 300 {
			t.Errorf("got %s", ack)
		}
		for range 300 {
			c.SendText(websocket.TextMessage, `{"type":"heartbeat"}`)
		}
		for range 300 {
			c.Want("pong")
		}
	},
}, {
	ID: "P2.5a", Says: "a message over limits.message_bytes is answered by a close with 1009", Run: func(t *T) {
		for s, most := range map[*stage.Server]int{t.Server(): 65536, t.ServerWith(limitsSmall): smallBytes} {
			c := stage.Dial(t, s)
			c.SendText(websocket.TextMessage, beat("over", most+1))
			if before := c.Closed(wire.CloseMessageTooBig); len(before) > 0 {
				t.Errorf("%d bytes: before the close came %v", most+1, before)
			}
		}
	},
}, {
	ID: "P2.5b", Says: "so is one that is over it only by all its fragments together", Run: func(t *T) {
		s := t.ServerWith(limitsSmall)
		text := beat("parts", smallBytes)
		fits := handshake(t, s)
		fits.want(websocket.TextMessage)
		fits.send(slices.Concat(frame(0x01, text[:5000]), frame(0x00, text[5000:10000]), frame(0x80, text[10000:])))
		if f := fits.want(websocket.TextMessage); !strings.HasPrefix(string(f.payload), `{"type":"pong","id":"parts",`) {
			t.Errorf("10 KiB in three fragments got %v", f)
		}
		over := handshake(t, s)
		over.want(websocket.TextMessage)
		over.send(slices.Concat(frame(0x01, text[:5000]), frame(0x00, text[5000:10000]), frame(0x80, text[10000:]+" ")))
		if before := over.closed(wire.CloseMessageTooBig); len(before) > 0 {
			t.Errorf("before the close came %v", before)
		}
	},
}, {
	ID: "P2.5c", Says: "it is closed on what its frame announces, before the bytes have come", Run: func(t *T) {
		r := handshake(t, t.Server())
		r.want(websocket.TextMessage)
		r.send([]byte{0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}) // 2 GiB
		r.closed(wire.CloseMessageTooBig)
	},
}}
