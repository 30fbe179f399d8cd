package feed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

// events are the eight a feed can make, with their share of the records in percent. The proportions are a trading
// site's: most of it is trades and what follows from them, and a new coin is rare.
var events = []struct {
	name  string
	share float64
	write func(*Feed, []byte, *coin) []byte
}{
	{"trade", 58, (*Feed).trade},
	{"liquidity", 24, (*Feed).liquidity},
	{"analytics", 7, (*Feed).analytics},
	{"balances", 5, (*Feed).balances},
	{"social", 3, (*Feed).social},
	{"favorites", 1.7, (*Feed).favorites},
	{"metadata", 1, (*Feed).metadata},
	{"creation", 0.3, (*Feed).creation},
}

// Events returns the names of the events a feed can make, the most frequent first.
func Events() []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.name
	}
	return names
}

// Options say which market is made. The zero value is all eight events of 100 symbols.
type Options struct {
	Seed    uint64
	Symbols []string // in order of popularity; empty: Symbols(100)
	Events  []string // of Events(); empty: all. Their shares keep their proportions
	Zipf    float64  // exponent: the k-th symbol is k^-Zipf as popular as the first; 0: all alike
	StartN  uint64   // n of each channel's first record; 0 means 1
}

// Record is one record to publish. Value is valid until the next call of Next.
type Record struct {
	Symbol string
	Event  string
	Key    []byte // Symbol as bytes, shared by all its records: not to be written to
	Value  []byte
	N      uint64
}

// Feed is a market in motion.
type Feed struct {
	rng     *rand.Rand
	names   []string
	coins   []coin
	made    []int     // index into events of each event made
	byEvent []float64 // running share, for the draw
	byCoin  []float64 // running popularity, for the draw
	counts  []atomic.Uint64
	startN  uint64
	trades  uint64
	value   []byte
}

// New returns a feed at its first record. An error names the option that is wrong.
func New(o Options) (*Feed, error) {
	if len(o.Symbols) == 0 {
		o.Symbols = Symbols(100)
	}
	if o.Zipf < 0 || math.IsNaN(o.Zipf) || math.IsInf(o.Zipf, 0) {
		return nil, fmt.Errorf("zipf exponent %v: must be 0 or more", o.Zipf)
	}
	seen := make(map[string]bool, len(o.Symbols))
	for _, s := range o.Symbols {
		if seen[s] {
			return nil, fmt.Errorf("symbol %q is listed twice", s)
		}
		seen[s] = true
	}
	f := &Feed{
		rng:    rand.New(rand.NewPCG(o.Seed, 0x6d61726b6574)),
		names:  slices.Clone(o.Symbols),
		startN: max(o.StartN, 1),
		value:  make([]byte, 0, 512),
	}
	if len(o.Events) == 0 {
		o.Events = Events()
	}
	sum := 0.0
	for i, e := range events {
		if slices.Contains(o.Events, e.name) {
			f.made = append(f.made, i)
			sum += e.share
			f.byEvent = append(f.byEvent, sum)
		}
	}
	for _, name := range o.Events {
		if !slices.Contains(Events(), name) {
			return nil, fmt.Errorf("the feed makes no event %q: it makes %s", name, strings.Join(Events(), ", "))
		}
	}
	f.byCoin = make([]float64, len(f.names))
	f.coins = make([]coin, len(f.names))
	sum = 0
	for i, name := range f.names {
		sum += math.Pow(float64(i+1), -o.Zipf)
		f.byCoin[i] = sum
		f.coins[i] = newCoin(name)
	}
	f.counts = make([]atomic.Uint64, len(f.names)*len(events))
	return f, nil
}

// Next makes the next record, meant to be sent at the given time. Only one goroutine may call it. It does not allocate.
func (f *Feed) Next(sent time.Time) Record {
	ev := f.made[draw(f.byEvent, f.rng.Float64())]
	ci := draw(f.byCoin, f.rng.Float64())
	c := &f.coins[ci]
	count := &f.counts[ci*len(events)+ev]
	made := count.Load() + 1
	n := f.startN + made - 1

	b := append(f.value[:0], `{"n":`...)
	b = appendUint(b, n)
	b = append(b, `,"sent":`...)
	b = appendUint(b, uint64(max(sent.UnixMicro(), 0)))
	b = events[ev].write(f, b, c)
	f.value = append(b, '}')
	count.Store(made)
	return Record{Symbol: c.name, Event: events[ev].name, Key: c.key, Value: f.value, N: n}
}

// Symbols returns the feed's symbols, the most popular first. It is not to be written to.
func (f *Feed) Symbols() []string { return f.names }

// Events returns the names of the events this feed makes.
func (f *Feed) Events() []string {
	names := make([]string, len(f.made))
	for i, e := range f.made {
		names[i] = events[e].name
	}
	return names
}

// Last returns the n of the newest record of a channel, 0 when it has none yet. symbol is an index into Symbols.
func (f *Feed) Last(symbol int, event string) uint64 {
	for i, e := range events {
		if e.name == event {
			if made := f.counts[symbol*len(events)+i].Load(); made > 0 {
				return f.startN + made - 1
			}
		}
	}
	return 0
}

// draw picks an index with the weights whose running sums are given; u is uniform in [0,1).
func draw(sums []float64, u float64) int {
	return min(sort.SearchFloat64s(sums, u*sums[len(sums)-1]), len(sums)-1)
}
