package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P5: data messages.
var messageCases = slices.Concat(fieldCases, valueCases, lossCases, conflateCases)

// P5.1: the fields of a message.
var fieldCases = []Case{{
	ID: "P5.1a", Says: "a record arrives with seq, type, channel, pos, ts and data, or data_base64", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".metadata")
		for _, value := range []string{`{"price":"43250.10"}`, "text"} {
			r := stage.Record{Event: "metadata", Symbol: x, Value: []byte(value), Timestamp: time.UnixMilli(time.Now().UnixMilli())}
			pos := s.Topics.PublishOne(t, r)
			f := c.Want("message")
			want := map[string]string{
				"seq": fmt.Sprint(c.Received()), "type": `"message"`, "channel": `"` + x + `.metadata"`, "pos": `"` + pos + `"`,
				"ts": fmt.Sprint(r.Timestamp.UnixMilli()),
			}
			if value == "text" {
				want["data_base64"] = `"dGV4dA=="`
			} else {
				want["data"] = value
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(f.Raw, &fields); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, text := range fields {
				got[name] = string(text)
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			// Not promised, but alike.
			form := strings.NewReplacer(x, "X", pos, "POS", want["ts"], "TS").Replace(string(f.Raw))
			t.Fact("form", form)
		}
	},
}, {
	ID: "P5.1b", Says: "seq counts the connection's data messages 1, 2, 3 … over all its channels", Run: func(t *T) {
		s, x, y := t.Server(), stage.Symbol(), stage.Symbol()
		one, two := stage.Dial(t, s), stage.Dial(t, s)
		one.Join(x+".trade", y+".*")
		s.Topics.Count(t, "trade", x, 1, 10)
		one.Counts(x+".trade", 1, 10)
		two.Join(x + ".trade")
		s.Topics.Count(t, "trade", x, 11, 11)
		if f := two.Message(x+".trade", 11); f.Seq != 1 {
			t.Errorf("got %s as the first", f)
		}
		if f := one.Message(x+".trade", 11); f.Seq != 11 {
			t.Errorf("got %s as the 11th", f)
		}
		// Neither an answer nor an unsubscribe counts, or begins anew.
		one.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".trade"}})
		s.Topics.Count(t, "social", y, 1, 100)
		for i := range 100 {
			if f := one.Message(y+".social", i+1); f.Seq != uint64(12+i) {
				t.Fatalf("got %s, want seq %d", f, 12+i)
			}
		}
		if pong := one.Heartbeat(); pong.Sent != 111 {
			t.Errorf("got %s, want sent 111", pong)
		}
	},
}, {
	ID: "P5.1c", Says: "seq stands first, in a field of 16 characters, filled up with spaces", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		s.Topics.Count(t, "trade", x, 1, 1001)
		for n := 1; n <= 1001; n++ {
			f := c.Message(x+".trade", n)
			number := fmt.Sprint(n)
			if want := `{"seq":` + number + strings.Repeat(" ", 16-len(number)) + `,`; !bytes.HasPrefix(f.Raw, []byte(want)) {
				t.Fatalf("got %s, want it to begin %s", f, want)
			}
		}
	},
}, {
	ID: "P5.1d", Says: "channel is the record's, never a pattern", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, nil)
		c := stage.Dial(t, s)
		c.Join("*.trade")
		for _, x := range []string{"X", `"\`, "中文😀", "<&>", "a'b", "\u200b"} {
			tp.Count(t, "trade", x, 1, 1)
			c.Message(x+".trade", 1)
		}
	},
}, {
	ID: "P5.1e", Says: "pos is event/partition:offset, the record's place in Kafka", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".*")
		for partition := range int32(12) {
			for _, event := range []string{"trade", "analytics"} {
				r := stage.Counted(event, x, 1)
				r.Partition = partition + 1
				pos := s.Topics.PublishOne(t, r)
				if f := c.Message(x+"."+event, 1); f.Pos != pos || !strings.HasPrefix(pos, fmt.Sprintf("%s/%d:", event, partition)) {
					t.Errorf("got %s, want pos %s", f, pos)
				}
			}
		}
	},
}, {
	ID: "P5.1f", Says: "ts is the record's timestamp in Unix milliseconds, whatever the time", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		now := time.Now()
		for i, at := range []time.Time{now, now.Add(-time.Hour), now.Add(-30 * 24 * time.Hour), now.Add(30 * time.Minute), now.Add(-time.Minute)} {
			r := stage.Counted("trade", x, i+1)
			r.Timestamp = at
			s.Topics.Publish(t, r)
			if f := c.Message(x+".trade", i+1); f.TS != at.UnixMilli() {
				t.Errorf("got %s, want ts %d", f, at.UnixMilli())
			}
		}
	},
}}

// valueCase is a record's value, and the field of a message that it must become: JSON as it is, or base64.
type valueCase struct {
	name   string
	value  []byte // nil for a tombstone
	base64 bool
}

// P5.2: what a value becomes.
var valueCases = []Case{{
	ID: "P5.2a", Says: "data is the value byte for byte, white space included, where it is JSON", Run: func(t *T) {
		comeAs(t, []valueCase{
			{name: "object", value: []byte(`{"b":1,"a":[1.50,2e3,null],"b":2}`)},
			{name: "white space", value: []byte(" \r\n\t{ \"a\" :\r\n\t1 }\n ")},
			{name: "empty ones", value: []byte(`[{},[],""]`)},
			{name: "scalars", value: []byte(`-0.0`)}, {name: "true", value: []byte(`true`)}, {name: "text", value: []byte(`"text"`)},
			{name: "number", value: []byte(`123456789012345678901234567890.10E-400`)},
			{name: "escapes", value: []byte(`"\u00e9\ud83d\ude00é\/\b"`)},
			{name: "half a pair, escaped", value: []byte(`"\ud800"`)},
			{name: "no character", value: []byte("\"\\u0000\u007f\u2028\ufeff\uffff\"")},
			{name: "markup", value: []byte(`"</script>&"`)},
			{name: "long", value: []byte(`"` + strings.Repeat("é", 400_000) + `"`)},
		})
	},
}, {
	ID: "P5.2b", Says: "in valid UTF-8, without byte order mark, at most 128 deep", Run: func(t *T) {
		objects := func(depth int) []byte {
			return []byte(strings.Repeat(`{"a":`, depth-1) + `{}` + strings.Repeat(`}`, depth-1))
		}
		comeAs(t, []valueCase{
			{name: "128 arrays", value: []byte(nested(128))},
			{name: "129 arrays", value: []byte(nested(129)), base64: true},
			{name: "128 objects", value: objects(128)},
			{name: "129 objects", value: objects(129), base64: true},
			{name: "128 twice", value: []byte("[" + nested(127) + "," + nested(127) + "]")},
			{name: "very deep", value: []byte(nested(100_000)), base64: true},
			{name: "brackets in a string", value: []byte(`"` + strings.Repeat("[", 200) + `"`)},
			{name: "byte order mark", value: []byte("\ufeff1"), base64: true},
			{name: "not UTF-8", value: []byte("\"\xff\""), base64: true},
			{name: "cut off", value: []byte("\"\xe2\x82\""), base64: true},
			{name: "overlong", value: []byte("\"\xc0\xaf\""), base64: true},
			{name: "half a pair", value: []byte("\"\xed\xa0\x80\""), base64: true},
			{name: "UTF-16", value: []byte("1\x00"), base64: true},
		})
	},
}, {
	ID: "P5.2c", Says: "it is null for a tombstone, a record without a value", Run: func(t *T) {
		comeAs(t, []valueCase{{name: "tombstone"}, {name: "null", value: []byte("null")}})
	},
}, {
	ID: "P5.2d", Says: `otherwise data_base64 has the value in base64, and "" for an empty one`, Run: func(t *T) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		values := []valueCase{{name: "empty", value: []byte{}}, {name: "each byte", value: all}}
		for _, text := range []string{
			"hello", " ", "1 2", "[1,]", `{"a":1,}`, `{a:1}`, `'a'`, "01", "+1", "1.", ".5", "1e", "0x1", "-", "NaN", "Infinity", "nul", "True", "[", "]", `{"a"}`,
			`{"a":}`, `"a`, `"` + "\n" + `"`, `"\x"`, `"\u12"`, "// 1\n1", "1\f", "\u00a01", "1\x00", "\xfb\xff\xfe", "{}{}",
		} {
			values = append(values, valueCase{name: text, value: []byte(text)})
		}
		for i := range values {
			values[i].base64 = true
		}
		comeAs(t, values)
	},
}}

// comeAs publishes the values one after the other and wants each to come in its field, byte for byte, and in no other.
func comeAs(t *T, values []valueCase) {
	s, x := t.Server(), stage.Symbol()
	c := stage.Dial(t, s)
	c.Join(x + ".metadata")
	for _, v := range values {
		s.Topics.Publish(t, stage.Record{Event: "metadata", Symbol: x, Value: v.value})
		f := c.Want("message")
		field, other := `"data":`+string(v.value), "data_base64"
		if v.base64 {
			field, other = `"data_base64":"`+base64.StdEncoding.EncodeToString(v.value)+`"`, "data"
		} else if v.value == nil {
			field = `"data":null`
		}
		// Whatever follows the field begins with one of these.
		if !bytes.Contains(f.Raw, []byte(","+field+"}")) && !bytes.Contains(f.Raw, []byte(","+field+",")) || hasField(f, other) {
			t.Errorf("%s: got %s, want %.400s", v.name, f, field)
		}
	}
}

// P5.3 and P5.4: nothing is lost.
var lossCases = []Case{{
	ID: "P5.3a", Says: "no seq is left out, whatever the load", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".*")
		var records []stage.Record
		ends := map[string]int64{}
		for n := range 1000 {
			for _, event := range s.Topics.Events {
				records = append(records, stage.Counted(event, x, n+1))
				ends[x+"."+event] = 1000
			}
		}
		s.Topics.Publish(t, records...)
		stream := check.NewStream()
		for i := range records {
			f := c.Want("message")
			if f.Seq != uint64(i+1) {
				t.Fatalf("got %s as message %d", f, i+1)
			}
			stream.Take(f)
		}
		if err := stream.Err(ends); err != nil {
			t.Error(err)
		}
		if pong := c.Heartbeat(); pong.Sent != uint64(len(records)) {
			t.Errorf("got %s after %d messages", pong, len(records))
		}
	},
}, {
	ID: "P5.3b", Says: "offsets may jump over other channels' records: that is no loss, and no gap is told", Run: func(t *T) {
		s, x, y := t.Server(), stage.Symbol(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		var records []stage.Record
		for n := range 10 {
			for range 20 {
				records = append(records, stage.Record{Event: "trade", Symbol: y, Value: []byte("1"), Partition: 9})
			}
			r := stage.Counted("trade", x, n+1)
			r.Partition = 9
			records = append(records, r)
		}
		places := s.Topics.Publish(t, records...)
		for n := range 10 {
			if f := c.Message(x+".trade", n+1); f.Pos != stage.Pos("trade", 8, int64(places[21*n+20].Offset)) || f.Seq != uint64(n+1) {
				t.Errorf("got %s", f)
			}
		}
		c.Heartbeat()
	},
}, {
	ID: "P5.3c", Says: "and over transaction markers and aborted records", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, nil)
		c := stage.Dial(t, s)
		c.Join("X.trade")
		tp.Transaction(t, true, stage.Counted("trade", "X", 1)) // offset 0, and a marker
		tp.Transaction(t, false, stage.Counted("trade", "X", 99), stage.Counted("trade", "Y", 99))
		tp.Transaction(t, true, stage.Counted("trade", "X", 2), stage.Counted("trade", "X", 3))
		tp.Count(t, "trade", "X", 4, 4)
		for i, offset := range []int64{0, 5, 6, 8} {
			if f := c.Message("X.trade", i+1); f.Pos != stage.Pos("trade", 0, offset) || f.Seq != uint64(i+1) {
				t.Errorf("got %s, want offset %d", f, offset)
			}
		}
		c.Heartbeat()
	},
}, {
	ID: "P5.4a", Says: "nothing is dropped silently: who stops reading for a while gets everything", Run: func(t *T) {
		s, x := t.ServerWith(patient), stage.Symbol()
		const most = 400
		c := stuck(t, s, x, most)
		c.Unstall()
		stream := check.NewStream()
		for range most {
			stream.Take(c.Want("message"))
		}
		if err := stream.Err(map[string]int64{x + ".trade": most}); err != nil {
			t.Error(err)
		}
		if pong := c.Heartbeat(); pong.Sent != most || pong.Merged != 0 {
			t.Errorf("got %s, want sent %d", pong, most)
		}
	},
}, {
	ID: "P5.4b", Says: "a client that cannot keep up is closed with 4001 and resumes", Run: func(t *T) {
		s, x := t.Start(t.Topics(3, "trade"), stage.Settings{"WS_STALL_TIMEOUT": "5s"}), stage.Symbol() // longer than the one that reads waits for its turn
		const most = 400
		c := stuck(t, s, x, most)
		stage.Eventually(t, "the client to be closed", func() bool {
			return s.Metric(t, "ws_connections_closed_total", "code", "4001") == 1
		})
		c.Unstall()
		stream := check.NewStream()
		for _, f := range slowEnd(t, c) {
			stream.Take(f)
		}
		back := stage.Dial(t, s)
		if ack := back.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: c.Cursor()}); ack.Recovered == nil || !*ack.Recovered {
			t.Fatalf("got %s, want recovered", ack)
		}
		_, replayed := back.UntilType("replay_complete")
		for _, f := range replayed {
			stream.Take(f)
		}
		if err := stream.Err(map[string]int64{x + ".trade": most}); err != nil {
			t.Error(err)
		}
	},
}}
