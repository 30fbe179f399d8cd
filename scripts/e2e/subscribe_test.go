package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestWelcome(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		a, b := dial(t, s), dial(t, s)
		w := a.welcome
		if w.Server != v.Name || w.Version == "" || w.HeartbeatMS != 25000 {
			t.Errorf("got %s", w)
		}
		if want := (check.Limits{MessageBytes: 65536, Channels: 256, CommandsPerS: 10}); w.Limits != want {
			t.Errorf("limits are %+v, want %+v", w.Limits, want)
		}
		if w.Conn == "" || w.Conn == b.welcome.Conn {
			t.Errorf("connections are named %q and %q", w.Conn, b.welcome.Conn)
		}
		if a.Subprotocol() != "ws.v1" {
			t.Errorf("subprotocol %q was selected, ws.v1 was offered", a.Subprotocol())
		}
		if plain := dialWith(t, s, check.Options{Subprotocols: []string{"chat"}}); plain.Subprotocol() != "" {
			t.Errorf("subprotocol %q was selected, chat was offered", plain.Subprotocol())
		}
	})
}

func TestSubscribe(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		x, y := symbol(), symbol()
		c := dial(t, s)

		ack := c.subscribe(x+".trade", y+".liquidity", x+".trade")
		if !slices.Equal(ack.Subscribed, []string{x + ".trade", y + ".liquidity"}) || ack.Count != 2 {
			t.Errorf("got %s", ack)
		}
		if ack.Recovered != nil || ack.Lost != nil {
			t.Errorf("an ack without a cursor tells of recovery: %s", ack)
		}
		if len(ack.Cursor) != 2 {
			t.Fatalf("cursor %v, want an entry for each event", ack.Cursor)
		}
		for event, position := range ack.Cursor {
			if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(position.Log) {
				t.Errorf("the log of %s is named %q", event, position.Log)
			}
		}

		at := time.UnixMilli(time.Now().UnixMilli())
		pos := s.topics.publishOne(t, record{event: "trade", symbol: x, value: []byte(`{"n":1}`), timestamp: at})
		if f := c.message(x+".trade", 1); f.Pos != pos || f.TS != at.UnixMilli() {
			t.Errorf("got %s, published at %s with timestamp %d", f, pos, at.UnixMilli())
		}

		if again := c.subscribe(x+".trade", y+".trade"); again.Count != 3 || !slices.Equal(again.Subscribed, []string{x + ".trade", y + ".trade"}) {
			t.Errorf("subscribing what is held: got %s", again)
		}
		f, _ := c.command("unsubscribe", check.Subscription{Channels: []string{x + ".trade"}})
		if f.Type != "unsubscription_ack" || !slices.Equal(f.Unsubscribed, []string{x + ".trade"}) || f.Count != 2 {
			t.Errorf("got %s", f)
		}
		// Both in one partition, so the second shows that the first has passed.
		s.topics.publish(t,
			record{event: "trade", symbol: x, value: []byte(`{"n":2}`), partition: 4},
			record{event: "trade", symbol: y, value: []byte(`{"n":1}`), partition: 4})
		c.message(y+".trade", 1)
		c.holds(y+".liquidity", y+".trade")
		if pong := c.heartbeat(); pong.Sent != 2 || pong.Merged != 0 || pong.Replayed != 0 || pong.TS < at.UnixMilli() {
			t.Errorf("got %s, want sent 2", pong)
		}
	})
}

// A connection gets each message once, however many of its patterns match.
func TestWildcards(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade", "social")
		s := start(t, v, tp, nil)
		x, y := symbol(), symbol()
		every, one, both := dial(t, s), dial(t, s), dial(t, s)
		every.subscribe("*.trade")
		one.subscribe(x + ".*")
		if ack := both.subscribe("*.trade", x+".*", x+".trade"); ack.Count != 3 {
			t.Errorf("got %s", ack)
		}
		tp.publish(t, counted("trade", x, 1), counted("trade", y, 1))
		tp.publish(t, counted("social", y, 1), counted("social", x, 1))
		tp.publish(t, counted("trade", x, 2), counted("trade", y, 2))

		for _, c := range []*conn{every, both} {
			seen := map[string][]int64{}
			want := 4
			if c == both {
				want = 5
			}
			stream := check.NewStream()
			for range want {
				f := c.want("message")
				stream.Take(f)
				seen[f.Channel] = append(seen[f.Channel], stream.Last(f.Channel))
			}
			ends := map[string]int64{x + ".trade": 2, y + ".trade": 2}
			if c == both {
				ends[x+".social"] = 1
			}
			if err := stream.Err(ends); err != nil {
				t.Error(err)
			}
			if len(seen) != len(ends) {
				t.Errorf("got the channels %v, want %v", seen, ends)
			}
			c.heartbeat()
		}
		stream := check.NewStream()
		for range 3 {
			stream.Take(one.want("message"))
		}
		if err := stream.Err(map[string]int64{x + ".trade": 2, x + ".social": 1}); err != nil {
			t.Error(err)
		}
		one.heartbeat()
	})
}

func TestLast(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		x, y := symbol(), symbol()
		s.topics.count(t, "trade", x, 1, 10)
		s.topics.count(t, "trade", y, 1, 2)
		settled(t, s, x+".trade", 10)
		settled(t, s, y+".trade", 2)

		c := dial(t, s)
		c.acked(check.Subscription{Channels: []string{x + ".trade", y + ".trade", symbol() + ".*"}, Last: 3})
		end, before := c.until("replay_complete")
		if end.Replayed != 5 || len(before) != 5 {
			t.Fatalf("got %s after %v, want 3 and 2 messages", end, before)
		}
		stream := check.NewStream()
		stream.After(x+".trade", 7)
		for _, f := range before {
			stream.Take(f)
		}
		if err := stream.Err(map[string]int64{x + ".trade": 10, y + ".trade": 2}); err != nil {
			t.Error(err)
		}
		s.topics.count(t, "trade", x, 11, 11)
		c.message(x+".trade", 11)
		if pong := c.heartbeat(); pong.Sent != 6 || pong.Replayed != 5 {
			t.Errorf("got %s, want sent 6 of which replayed 5", pong)
		}

		// The promise of a replay_complete holds for an empty one too.
		empty := dial(t, s)
		empty.acked(check.Subscription{Channels: []string{symbol() + ".trade"}, Last: 100})
		empty.replay(0)
	})
}

// settled waits until the server has read the channel's messages up to n, as a
// new client sees it.
func settled(t *testing.T, s *server, channel string, n int) {
	t.Helper()
	eventually(t, channel+" in the history", func() bool {
		client, err := check.Dial(within(t), s.URL(), check.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Subscribe(check.Subscription{Channels: []string{channel}, Last: 1}); err != nil {
			t.Fatal(err)
		}
		stream := check.NewStream()
		_, before, err := client.Until(within(t), func(f *check.Frame) bool { return f.Type == "replay_complete" })
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range before {
			stream.Take(f)
		}
		return stream.Last(channel) >= int64(n)
	})
}

// What a record's value and key become (protocol section 1).
func TestRecordForms(t *testing.T) {
	deep := strings.Repeat("[", 128) + strings.Repeat("]", 128)
	values := []struct {
		name, value string
		tombstone   bool
		field       string // what must end the frame
	}{
		{name: "object", value: `{"b":1,"a":[1.50,2e3,null]}`, field: `"data":{"b":1,"a":[1.50,2e3,null]}}`},
		{name: "white space", value: "{ \"a\" :\r\n\t1 }", field: "\"data\":{ \"a\" :\r\n\t1 }}"},
		{name: "scalar", value: `-0.0`, field: `"data":-0.0}`},
		{name: "escapes", value: `"\u00e9\ud83d\ude00é"`, field: `"data":"\u00e9\ud83d\ude00é"}`},
		{name: "tombstone", tombstone: true, field: `"data":null}`},
		{name: "null", value: `null`, field: `"data":null}`},
		{name: "empty", value: ``, field: `"data_base64":""}`},
		{name: "text", value: `hello`, field: `"data_base64":"aGVsbG8="}`},
		{name: "two values", value: `1 2`, field: `"data_base64":"MSAy"}`},
		{name: "trailing comma", value: `[1,]`, field: `"data_base64":"WzEsXQ=="}`},
		{name: "not UTF-8", value: "\"\xff\"", field: `"data_base64":"Iv8i"}`},
		{name: "byte order mark", value: "\xef\xbb\xbf1", field: `"data_base64":"77u/MQ=="}`},
		{name: "depth 128", value: deep, field: `"data":` + deep + `}`},
		{name: "depth 129", value: "[" + deep + "]", field: `"data_base64":"` + strings.Repeat("W1tb", 43)},
	}
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		x := symbol()
		c := dial(t, s)
		c.subscribe(x + ".metadata")
		for _, test := range values {
			r := record{event: "metadata", symbol: x, value: []byte(test.value)}
			if test.tombstone {
				r.value = nil
			}
			s.topics.publish(t, r)
			f := c.want("message")
			if !strings.HasSuffix(string(f.Raw), test.field) && !(test.name == "depth 129" && strings.Contains(string(f.Raw), test.field)) {
				t.Errorf("%s: got %s, want it to end with %s", test.name, f, test.field)
			}
		}
	})
}
