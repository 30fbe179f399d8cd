package parity

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/feed"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
)

// load makes the records: a market, and among it everything else that a record may be (P1.3, P5.2).
type load struct {
	feed   *feed.Feed
	topics map[string]string // by event
	events []string
	rng    *rand.Rand
	made   int

	mu    sync.Mutex // guards what follows
	kinds map[string]int64
}

// oddSymbols stand among the others: what has to be escaped in JSON, and letters of several bytes.
var oddSymbols = []string{`QUO"TE`, `BACK\SLASH`, "MÜNZE", "硬币"}

// newLoad makes a load of so many symbols, each with the prefix, for those of the topics that a feed has records for.
func newLoad(topics []wire.Topic, prefix string, symbols int, seed uint64) (*load, error) {
	l := &load{topics: map[string]string{}, kinds: map[string]int64{}, rng: rand.New(rand.NewPCG(seed, 1))}
	for _, t := range topics {
		if slices.Contains(feed.Events(), t.Event) {
			l.events = append(l.events, t.Event)
			l.topics[t.Event] = t.Name
		}
	}
	if len(l.events) == 0 {
		return nil, fmt.Errorf("no topic has an event of %s, which there are records for: compare what others publish, with --rate 0", strings.Join(feed.Events(), ", "))
	}
	names := feed.Symbols(max(symbols-len(oddSymbols), 1))
	for i, odd := range oddSymbols {
		names = slices.Insert(names, min(3*i+2, len(names)), odd)
	}
	for i := range names {
		names[i] = prefix + names[i]
	}
	var err error
	if l.feed, err = feed.New(feed.Options{Seed: seed, Symbols: names, Events: l.events, Zipf: 0.8}); err != nil {
		return nil, fmt.Errorf("make records: %w", err)
	}
	return l, nil
}

// Values that a message has as they are, and values that it has in base64.
var (
	oddJSON = []string{` { "n" : %d } `, "\t[%d,\n-0.0e+5,\"\\u00e9\\ud83d\\ude00\"]\r\n", `%d`, `"%d é 😀 \"\\/"`, `{"n":%d,"n":2}`, `[%d,1e400]`}
	noJSON  = []string{"\x00\xff\xfe%d", "{'n':%d}", "\xef\xbb\xbf{\"n\":%d}", "\"\xc3\x28 %d\"", "%d,", "[%d"}
)

// Next makes the next record.
func (l *load) Next(intended time.Time) (produce.Record, error) {
	made := l.feed.Next(intended)
	l.made++
	r := produce.Record{Topic: l.topics[made.Event], Event: made.Event, Partition: kafka.PartitionAny, Key: made.Key, Value: made.Value}
	kind := "of the market"
	switch n := l.rng.IntN(1000); {
	case n < 20:
		kind, r.Value = "tombstones", nil
	case n < 30:
		kind, r.Value = "with an empty value", []byte{}
	case n < 50:
		kind, r.Value = "JSON in odd forms", fmt.Appendf(nil, oddJSON[l.made%len(oddJSON)], l.made)
	case n < 70:
		kind, r.Value = "no JSON", fmt.Appendf(nil, noJSON[l.made%len(noJSON)], l.made)
	case n < 120:
		// The channel is spread over the partitions: only the header says what it is.
		kind, r.Key = "with the symbol in a header", fmt.Appendf(nil, "key.%d", l.made)
		r.Headers = []kafka.Header{{Key: "symbol", Value: []byte("not this one")}, {Key: "trace", Value: nil}, {Key: "symbol", Value: made.Key}}
	case n < 125:
		kind, r.Value = "large", fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, l.made, strings.Repeat("x", 10_000+l.rng.IntN(50_000)))
	case n < 130:
		kind, r.Key = "without a symbol, to be skipped", nil
	case n < 135:
		kind, r.Key = "with a symbol that is none, to be skipped", []byte("a.b")
	case n < 145:
		// Not older: a segment whose first record is, is closed, and retention takes it.
		kind, r.Timestamp = "with a time of their own", intended.Add(-time.Duration(l.rng.IntN(3600))*time.Second)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[kind]++
	return r, nil
}

// symbols are the load's, the most frequent first.
func (l *load) symbols() []string { return l.feed.Symbols() }

// Watch is a set of patterns that clients subscribe to.
type Watch struct {
	Name     string
	Patterns []string
}

// watches are the ways to ask for the same records: by event, by symbol, one by one, and all at once. Without a load there are no
// symbols to name.
func watches(topics []wire.Topic, symbols []string) []Watch {
	var all, each, plain []string
	for _, t := range topics {
		all = append(all, "*."+t.Event)
	}
	list := []Watch{{"every event", all}}
	if len(symbols) == 0 {
		return list
	}
	for _, s := range symbols[:min(len(symbols), mostPatterns)] {
		each = append(each, s+".*")
	}
	for _, s := range symbols {
		for _, t := range topics {
			if len(plain) < mostPatterns {
				plain = append(plain, s+"."+t.Event)
			}
		}
	}
	first := symbols[0]
	mixed := []string{"*." + topics[0].Event, first + ".*", first + "." + topics[0].Event, first + "." + topics[len(topics)-1].Event}
	return append(list, Watch{"every symbol", each}, Watch{"channel by channel", plain}, Watch{"patterns that overlap", mixed})
}

// mostPatterns keeps a subscription below the limits of a server by default: 256 channels, and 64 KiB for a message, of which
// a cursor takes its part.
const mostPatterns = 200
