package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// P1: channels and records.
var recordCases = slices.Concat(nameCases, topicCases, symbolCases, patternCases, partitionCases)

// P1.2: the list of topics.
var topicCases = []Case{{
	ID: "P1.2a", Says: "KAFKA_TOPICS gives each topic its event by topic=event", Run: func(t *T) {
		names := map[string]string{"alpha": topicName() + ".beta", "beta": topicName() + ".alpha"}
		tp := stage.TheseTopics(t, t.Brokers(), names)
		tp.Create(t, 1, "alpha", "beta")
		s := t.Start(tp, nil)
		c, x := stage.Dial(t, s), stage.Symbol()
		c.Join(x+".alpha", x+".beta")
		tp.Count(t, "beta", x, 1, 1) // into the topic that ends in alpha
		c.Message(x+".beta", 1)
		tp.Count(t, "alpha", x, 1, 1)
		c.Message(x+".alpha", 1)
	},
}, {
	ID: "P1.2b", Says: "without =event the event is the last dot-part of the topic's name", Run: func(t *T) {
		name := topicName()
		names := map[string]string{"last": name + ".first.last", name + "whole": name + "whole"}
		tp := stage.TheseTopics(t, t.Brokers(), names)
		tp.Create(t, 1, slices.Collect(maps.Keys(names))...)
		s := t.Start(tp, stage.Settings{"KAFKA_TOPICS": strings.Join(slices.Collect(maps.Values(names)), ", ")})
		c, x := stage.Dial(t, s), stage.Symbol()
		for event := range names {
			c.Join(x + "." + event)
			tp.Count(t, event, x, 1, 1)
			c.Message(x+"."+event, 1)
		}
	},
}, {
	ID: "P1.2c", Says: "no two topics have one event: such a list is refused at the start", Run: func(t *T) {
		for _, list := range []string{"a.trade,b.trade", "a=trade,b=trade", "a=trade,b.trade"} {
			doesNotStart(t, list, "trade")
		}
	},
}, {
	ID: "P1.2d", Says: "the default is odin.trades=trade and seven more", Run: func(t *T) {
		// As the text has it, which is not always the event with odin before it.
		names := map[string]string{
			"trade": "odin.trades", "liquidity": "odin.liquidity", "metadata": "odin.metadata", "social": "odin.social",
			"favorites": "odin.favorites", "creation": "odin.creation", "analytics": "odin.analytics", "balances": "odin.balances",
		}
		tp := stage.TheseTopics(t, t.Brokers(), names)
		if err := broker.CreateTopics(stage.Within(t), t.Brokers(), 1, slices.Collect(maps.Values(names))...); err != nil {
			t.Fatal(err)
		}
		p := t.process(map[string]string{"KAFKA_BROKERS": t.Brokers()})
		s := &stage.Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Topics: tp, Process: p}
		t.Cleanup(func() {
			if err := s.End(); err != nil {
				t.Error(err)
			}
		})
		s.Ready(t)
		c, x := stage.Dial(t, s), stage.Symbol()
		ack := c.Join(x + ".*")
		if got := slices.Sorted(maps.Keys(ack.Cursor)); !slices.Equal(got, slices.Sorted(maps.Keys(names))) {
			t.Errorf("the server's events are %v", got)
		}
		for event := range names {
			tp.Count(t, event, x, 1, 1)
			c.Message(x+"."+event, 1)
		}
	},
}}

// topicName is the beginning of a topic's name that nothing else has.
func topicName() string { return "t" + strings.ToLower(stage.Symbol()) }

// process starts the site's program with these settings and nothing more; it is killed when the case ends. A site of
// servers that run already leaves the case out.
func (t *T) process(env map[string]string) *variant.Server {
	site, ok := t.site.(*Program)
	if !ok {
		t.NotRun("it needs a server of its own")
	}
	p, err := variant.Start(variant.Options{Binary: site.binary, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// doesNotStart wants the program to end by itself for its list of topics, and to name what is wrong with it.
func doesNotStart(t *T, topics, names string) {
	p := t.process(map[string]string{"KAFKA_BROKERS": t.Brokers(), "KAFKA_TOPICS": topics})
	code, err := p.Wait(stage.Within(t))
	if err != nil {
		t.Fatalf("with the topics %q it runs: %v", topics, err)
	}
	if logs := p.Logs(); code == 0 || !strings.Contains(logs, "KAFKA_TOPICS") || !strings.Contains(logs, names) {
		t.Errorf("with the topics %q it ended with %d and said %q, want KAFKA_TOPICS and %q named", topics, code, logs, names)
	}
}

// P1.4: patterns.
var patternCases = []Case{{
	ID: "P1.4a", Says: "a pattern of two literals names one channel", Run: func(t *T) {
		x := stage.Symbol()
		matches(t, x+".trade", []string{x + ".trade"}, []string{x + "x.trade", x[:len(x)-1] + ".trade", x + ".social"})
	},
}, {
	ID: "P1.4b", Says: "BTC.* names all channels of a symbol, and no others", Run: func(t *T) {
		x := stage.Symbol()
		var all []string
		for _, event := range t.Server().Topics.Events {
			all = append(all, x+"."+event)
		}
		matches(t, x+".*", all, []string{x + "x.trade", x + "x.social"})
	},
}, {
	ID: "P1.4c", Says: "*.trade names all channels of an event, and no others", Run: func(t *T) {
		tp := t.Topics(2, "trade", "social")
		s := t.Start(tp, nil)
		c := stage.Dial(t, s)
		c.Join("*.trade")
		want := map[string]bool{}
		for range 20 {
			x := stage.Symbol()
			want[x+".trade"] = true
			tp.Publish(t, stage.Counted("social", x, 1), stage.Counted("trade", x, 1))
		}
		for range 20 {
			f := c.Want("message")
			if !want[f.Channel] {
				t.Errorf("got %s, or got it twice", f)
			}
			delete(want, f.Channel)
		}
		c.Heartbeat()
	},
}, {
	ID: "P1.4d", Says: "a pattern has two parts, each a literal or *, not both *: others get CHANNEL_INVALID", Run: func(t *T) {
		var faults []fault
		for _, pattern := range []string{
			"", ".", "trade", "*", ".trade", "A.", "*.*", "A.b.trade", "A.trade.", ".A.trade", "*.trade.*", "**.trade", "A*.trade", "*A.trade",
			"A.tr*", "A.**", "A.*e", "A/b.trade", "A:trade", "A..trade", "A.trade\u00a0",
		} {
			faults = append(faults, fault{text: subscribing(pattern), code: wire.ChannelInvalid})
		}
		refuseAll(t, faults)
		// No other character stands for anything.
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		c.Join("?"+x+".trade", "[a-z]"+x+".trade")
		t.Server().Topics.Publish(t, stage.Counted("trade", "A"+x, 1), stage.Counted("trade", "a"+x, 1), stage.Counted("trade", "?"+x, 1))
		c.Message("?"+x+".trade", 1)
		c.Heartbeat()
	},
}}

// matches wants a subscriber of the pattern to get one message of each channel, and none of the others. All symbols are
// published in one order, the others first, and the marker last of all: when that has come, so has everything.
func matches(t *T, pattern string, want, others []string) {
	s := t.Server()
	c := stage.Dial(t, s)
	c.Join(pattern)
	var records []stage.Record
	for _, channel := range slices.Concat(others, want) {
		symbol, event, _ := strings.Cut(channel, ".")
		r := stage.Counted(event, symbol, 1)
		r.Partition = 3
		records = append(records, r)
	}
	s.Topics.Publish(t, records...)
	got := map[string]int{}
	for range want {
		got[c.Want("message").Channel]++
	}
	for _, channel := range want {
		if got[channel] != 1 {
			t.Errorf("%s came %d times to a subscriber of %s", channel, got[channel], pattern)
		}
	}
	// What must not come lies before what came, in its partition.
	marker := stage.Symbol()
	c.Join(marker + ".*")
	for _, event := range s.Topics.Events {
		r := stage.Counted(event, marker, 1)
		r.Partition = 3
		s.Topics.Publish(t, r)
		c.Message(marker+"."+event, 1)
	}
}

// P1.5: order.
var partitionCases = []Case{{
	ID: "P1.5a", Says: "messages of one channel and partition arrive in the order of their offsets", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		one, all := stage.Dial(t, s), stage.Dial(t, s)
		one.Join(x + ".trade")
		all.Join(x + ".*")
		const each, partitions = 100, 4
		var records []stage.Record
		for n := range each * partitions {
			r := stage.Counted("trade", x, n/partitions+1)
			r.Partition = int32(n%partitions) + 1
			records = append(records, r)
		}
		places := s.Topics.Publish(t, records...)
		want := map[int32][]int64{}
		for _, place := range places {
			want[place.Partition] = append(want[place.Partition], int64(place.Offset))
		}
		for _, c := range []*stage.Conn{one, all} {
			got := map[int32][]int64{}
			for range places {
				_, partition, offset, err := c.Want("message").Position()
				if err != nil {
					t.Fatal(err)
				}
				got[partition] = append(got[partition], offset)
			}
			for partition, offsets := range want {
				slices.Sort(offsets)
				if !slices.Equal(got[partition], offsets) {
					t.Errorf("of partition %d came %v, want %v", partition, got[partition], offsets)
				}
			}
		}
	},
}, {
	ID: "P1.5b", Says: "records keyed by symbol come in one order", Run: func(t *T) {
		s := t.Server()
		c := stage.Dial(t, s)
		symbols := []string{stage.Symbol(), stage.Symbol(), stage.Symbol()}
		ends := map[string]int64{}
		for _, x := range symbols {
			c.Join(x + ".trade")
			ends[x+".trade"] = 300
		}
		var records []stage.Record
		for n := range 300 {
			for _, x := range symbols {
				records = append(records, stage.Counted("trade", x, n+1))
			}
		}
		s.Topics.Publish(t, records...)
		stream := check.NewStream()
		for range records {
			stream.Take(c.Want("message"))
		}
		if err := stream.Err(ends); err != nil {
			t.Error(err)
		}
	},
}}

// symbolHeaders are a record's headers with these symbols.
func symbolHeaders(symbols ...string) (list []kafka.Header) {
	for _, symbol := range symbols {
		list = append(list, kafka.Header{Key: "symbol", Value: []byte(symbol)})
	}
	return list
}

// quoted is a JSON string.
func quoted(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
