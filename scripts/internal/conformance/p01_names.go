package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// whiteSpace are the code points with the Unicode property White_Space.
const whiteSpace = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
	"\u2028\u2029\u202f\u205f\u3000"

// P1.1: what channels are made of.
var nameCases = []Case{{
	ID: "P1.1a", Says: "an event is 1 to 64 of A-Z, a-z, 0-9, _ and -", Run: func(t *T) {
		longest := "AZaz09_-" + strings.Repeat("e", 56)
		tp := t.Topics(1, "e", "_", "-", "0", longest)
		s := t.Start(tp, nil)
		c, x := stage.Dial(t, s), stage.Symbol()
		for _, event := range tp.Events {
			c.Join(x + "." + event)
			tp.Count(t, event, x, 1, 1)
			c.Message(x+"."+event, 1)
		}
	},
}, {
	ID: "P1.1b", Says: "what does not match that is no event: not in a list of topics, not in a pattern", Run: func(t *T) {
		var faults []fault
		for _, event := range []string{"", strings.Repeat("e", 65), "a b", "é", "a/b", "a:b", "a+b", "a\u0000b"} {
			faults = append(faults, fault{text: subscribing("A." + event), code: wire.ChannelInvalid})
		}
		refuseAll(t, faults)
		for _, event := range []string{strings.Repeat("e", 65), "a.b", "a b", "é", "*"} {
			doesNotStart(t, "topic="+event, event)
		}
	},
}, {
	ID: "P1.1c", Says: "a symbol is 1 to 64 bytes of UTF-8, of any script", Run: func(t *T) {
		s := t.Server()
		for _, symbol := range []string{
			"", strings.Repeat("x", 64), strings.Repeat("é", 20), "中文", `"\`, "<&>", "a:b", "{}[]", "😀", "\u200b\u00ad\u2060", "\u0301", "?", "a,b",
		} {
			own := stage.Symbol()
			x := symbol[:min(len(symbol), wire.MaxSymbol-len(own))] + own
			c := stage.Dial(t, s)
			c.SendText(websocket.TextMessage, subscribing(x+".trade"))
			if ack := c.Want("subscription_ack"); !slices.Equal(ack.Subscribed, []string{x + ".trade"}) {
				t.Errorf("symbol %q: got %s", x, ack)
			}
			s.Topics.Count(t, "trade", x, 1, 1)
			c.Message(x+".trade", 1)
		}
	},
}, {
	ID: "P1.1d", Says: "a symbol of 65 bytes, or with one of . * / and control characters and white space, is none", Run: func(t *T) {
		var faults []fault
		bad := []string{"", strings.Repeat("x", 65), strings.Repeat("é", 33), "a*", "a/", "a.b", "\u0000", "\u001f", "\u007f", "\u0080", "\u009f"}
		for _, space := range whiteSpace {
			bad = append(bad, "a"+string(space)+"b")
		}
		for _, symbol := range bad {
			faults = append(faults, fault{text: subscribing(symbol + ".trade"), code: wire.ChannelInvalid})
		}
		// Half of a surrogate pair is no character, so its bytes are no UTF-8.
		faults = append(faults, fault{text: `{"type":"subscribe","data":{"channels":["\ud800.trade"]}}`, code: wire.ChannelInvalid})
		refuseAll(t, faults)
	},
}, {
	ID: "P1.1e", Says: "symbols and events are case-sensitive", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		upper, lower := "A"+x, "a"+x
		c := stage.Dial(t, s)
		c.Join(upper + ".trade")
		for _, x := range []string{lower, upper} {
			r := stage.Counted("trade", x, 1)
			r.Partition = 2
			s.Topics.Publish(t, r)
		}
		c.Message(upper+".trade", 1)
		c.Heartbeat()
		refuseAll(t, []fault{
			{text: subscribing(upper + ".Trade"), code: wire.ChannelInvalid},
			{text: subscribing("*.TRADE"), code: wire.ChannelInvalid},
		})
	},
}}

// P1.3: which symbol a record has.
var symbolCases = []Case{{
	ID: "P1.3a", Says: "a record's symbol is its key if it has no header symbol", Run: func(t *T) {
		x := stage.Symbol()
		comesAs(t, stage.Record{Symbol: x}, x)
		comesAs(t, stage.Record{Symbol: x, Headers: []kafka.Header{{Key: "Symbol", Value: []byte("other")}, {Key: "kind", Value: nil}}}, x)
	},
}, {
	ID: "P1.3b", Says: "a header symbol goes before the key, and needs none", Run: func(t *T) {
		x := stage.Symbol()
		comesAs(t, stage.Record{Symbol: stage.Symbol(), Headers: symbolHeaders(x)}, x)
		comesAs(t, stage.Record{Headers: symbolHeaders(x)}, x)
		comesAs(t, stage.Record{Symbol: "no key of a channel", Headers: symbolHeaders(x)}, x)
	},
}, {
	ID: "P1.3c", Says: "of several headers symbol the last one counts", Run: func(t *T) {
		x := stage.Symbol()
		comesAs(t, stage.Record{Symbol: stage.Symbol(), Headers: symbolHeaders(stage.Symbol(), "a b", x)}, x)
		last := append(symbolHeaders(stage.Symbol(), x), kafka.Header{Key: "after", Value: []byte("1")})
		comesAs(t, stage.Record{Headers: last}, x)
	},
}, {
	ID: "P1.3d", Says: "a record whose symbol does not fit is skipped and counted by reason", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, nil)
		c := stage.Dial(t, s)
		c.Join("*.trade")
		bad := []stage.Record{
			{}, {Headers: symbolHeaders("")}, {Symbol: strings.Repeat("x", 65)}, {Symbol: "a\xff"}, {Symbol: "\xed\xa0\x80"}, {Symbol: "a.b"}, {Symbol: "*"},
			{Symbol: "a/b"}, {Symbol: "a\x01"}, {Symbol: "a\x7f"}, {Symbol: "a\u0085"}, {Symbol: "fits", Headers: symbolHeaders("fits", "a b")},
			{Symbol: "fits", Headers: []kafka.Header{{Key: "symbol"}}},
		}
		for _, space := range whiteSpace {
			bad = append(bad, stage.Record{Symbol: "a" + string(space)})
		}
		for i, r := range bad {
			r.Event, r.Value = "trade", []byte("1")
			tp.Publish(t, r, stage.Counted("trade", "M", i+1))
			c.Message("M.trade", i+1) // and nothing before it
		}
		stage.Eventually(t, "the skipped records to be counted", func() bool {
			return s.Metric(t, "ws_kafka_records_skipped_total") == float64(len(bad))
		})
		var reasons []string
		for line := range strings.Lines(string(s.Get(t, "/metrics").Body)) {
			if strings.HasPrefix(line, "ws_kafka_records_skipped_total{reason=") {
				reasons = append(reasons, strings.TrimSpace(line))
			}
		}
		slices.Sort(reasons)
		t.Fact("skipped", strings.Join(reasons, ", "))
		if len(reasons) < 2 {
			t.Errorf("the reasons are %v", reasons)
		}
		// The cursor covers what was skipped.
		if pong := c.Heartbeat(); pong.Cursor["trade"].Last(0) != int64(2*len(bad)-1) {
			t.Errorf("got %s after %d records", pong, 2*len(bad))
		}
	},
}, {
	ID: "P1.3e", Says: "nothing else is skipped, whatever a record's value is", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, nil)
		c := stage.Dial(t, s)
		c.Join("X.trade")
		values := [][]byte{
			nil, {}, []byte("null"), []byte("text"), {0}, []byte("\xff\xfe"), []byte("{"), []byte(strings.Repeat("[", 5000)), bytes.Repeat([]byte("x"), 900_000),
			fmt.Appendf(nil, `"%s"`, strings.Repeat("y", 900_000)), []byte(`{"a":1,"a":2}`),
		}
		for i, value := range values {
			tp.Publish(t, stage.Record{Event: "trade", Symbol: "X", Value: value})
			if f := c.Want("message"); f.Pos != stage.Pos("trade", 0, int64(i)) {
				t.Errorf("got %s for record %d", f, i)
			}
		}
		if skipped := s.Metric(t, "ws_kafka_records_skipped_total"); skipped != 0 {
			t.Errorf("%v records were skipped", skipped)
		}
	},
}, {
	ID: "P1.3f", Says: "records of aborted transactions are not read, those of others are", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		s.Topics.Transaction(t, false, stage.Counted("trade", x, 101), stage.Counted("trade", x, 102))
		s.Topics.Transaction(t, true, stage.Counted("trade", x, 1), stage.Counted("trade", x, 2))
		c.Counts(x+".trade", 1, 2)
		s.Topics.Count(t, "trade", x, 3, 3)
		c.Message(x+".trade", 3)
		c.Heartbeat()
	},
}}

// comesAs wants a record to come on the channel of the symbol, and on no other.
func comesAs(t *T, r stage.Record, symbol string) {
	s := t.Server()
	c := stage.Dial(t, s)
	c.Join(symbol + ".creation")
	if r.Symbol != symbol && wire.ValidSymbol(r.Symbol) {
		c.Join(r.Symbol + ".creation")
	}
	r.Event, r.Value = "creation", []byte(`{"n":1}`)
	pos := s.Topics.PublishOne(t, r)
	if f := c.Message(symbol+".creation", 1); f.Pos != pos {
		t.Errorf("got %s, want the record at %s", f, pos)
	}
	c.Heartbeat()
}
