package shard

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// ledger is all that was ever written, for clients to check their streams by.
type ledger struct {
	mu      sync.RWMutex
	records [][][]written // by event, partition, offset
}

type written struct {
	symbol    string
	tombstone bool
	lost      bool // an offset of a gap
}

func newLedger(events, partitions int) *ledger {
	l := &ledger{records: make([][][]written, events)}
	for e := range l.records {
		l.records[e] = make([][]written, partitions)
	}
	return l
}

func (l *ledger) add(event, partition int, r written) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[event][partition] = append(l.records[event][partition], r)
}

// between returns the offsets after from and before to of a partition that the
// patterns want.
func (l *ledger) between(event, partition int, from, to int64, want []wire.Pattern) []int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []int64
	for o := from + 1; o < min(to, int64(len(l.records[event][partition]))); o++ {
		r := l.records[event][partition][o]
		if !r.lost && matches(want, r.symbol, testEvents[event]) {
			found = append(found, o)
		}
	}
	return found
}

// mayMerge reports whether a message may be passed over: its channel has a newer
// one, and it is no tombstone.
func (l *ledger) mayMerge(event, partition int, offset int64) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r := l.records[event][partition][offset]
	if r.tombstone {
		return false
	}
	for p := range l.records[event] {
		from := int64(0)
		if p == partition {
			from = offset + 1
		}
		for _, other := range l.records[event][p][from:] {
			if other.symbol == r.symbol {
				return true // in the other partition it may be older; good enough
			}
		}
	}
	return false
}

// areLost reports whether a gap is exactly from from to to.
func (l *ledger) areLost(event, partition int, from, to int64) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := l.records[event][partition]
	if from > to || to >= int64(len(all)) {
		return false
	}
	return !slices.ContainsFunc(all[from:to+1], func(r written) bool { return !r.lost })
}

func matches(patterns []wire.Pattern, symbol, event string) bool {
	return slices.ContainsFunc(patterns, func(p wire.Pattern) bool { return p.Matches(symbol, event) })
}

// checker follows one client's stream by the rules of the protocol.
type checker struct {
	ledger   *ledger
	conflate []bool // by event

	// Of this connection.
	subs   []wire.Pattern
	seq    uint64
	merged uint64
	unsure bool     // some were unsubscribed: whether they were merged before is not known
	last   []string // channels whose newest are being replayed
	behind map[string]int64

	// Kept from one connection to the next.
	at     [][]int64 // by event, partition: all that was wanted up to here has come
	placed []bool    // by event: at is a position, for a channel of it was held once
}

func newChecker(l *ledger, conflate []bool) *checker {
	c := &checker{ledger: l, conflate: conflate, placed: make([]bool, len(l.records))}
	for e := range l.records {
		c.at = append(c.at, make([]int64, len(l.records[e])))
		for p := range c.at[e] {
			c.at[e][p] = -1
		}
	}
	return c
}

// connected begins a new connection.
func (c *checker) connected() {
	c.subs, c.seq, c.merged, c.last, c.unsure = nil, 0, 0, nil, false
}

// skipped takes note of wanted messages that did not come before offset to.
func (c *checker) skipped(event, partition int, to int64) error {
	for _, o := range c.ledger.between(event, partition, c.at[event][partition], to, c.subs) {
		if !c.conflate[event] || !c.ledger.mayMerge(event, partition, o) {
			return fmt.Errorf("%s/%d:%d did not come before %d", testEvents[event], partition, o, to)
		}
		c.merged++
	}
	return nil
}

// message checks a data message.
func (c *checker) message(f *frameOf) error {
	c.seq++
	if f.Seq != c.seq {
		return fmt.Errorf("seq is %d and should be %d", f.Seq, c.seq)
	}
	name, partition, offset := f.offset()
	event := slices.Index(testEvents, name)
	p := int(partition)
	r := func() written {
		c.ledger.mu.RLock()
		defer c.ledger.mu.RUnlock()
		return c.ledger.records[event][p][offset]
	}()
	if want := r.symbol + "." + name; f.Channel != want || !matches(c.subs, r.symbol, name) {
		return fmt.Errorf("%s is of channel %s, said %s, wanted %v", f.Pos, want, f.Channel, c.subs)
	}
	if slices.Contains(c.last, f.Channel) && offset <= c.at[event][p] {
		key := fmt.Sprint(f.Channel, p)
		if before, ok := c.behind[key]; ok && offset <= before {
			return fmt.Errorf("the newest are out of order: %s after %d", f.Pos, before)
		}
		c.behind[key] = offset
		return nil
	}
	if offset <= c.at[event][p] {
		return fmt.Errorf("%s came again: %d was passed", f.Pos, c.at[event][p])
	}
	if err := c.skipped(event, p, offset); err != nil {
		return err
	}
	c.at[event][p] = offset
	return nil
}

// cursor checks a frame's cursor: it covers what came, and nothing else.
func (c *checker) cursor(cur map[string]wire.Position) error {
	for name, pos := range cur {
		event := slices.Index(testEvents, name)
		for p := range c.at[event] {
			last := pos.Last(int32(p))
			if last < c.at[event][p] {
				return fmt.Errorf("cursor %s/%d is at %d, behind %d", name, p, last, c.at[event][p])
			}
			if err := c.skipped(event, p, last+1); err != nil {
				return fmt.Errorf("cursor at %d: %w", last, err)
			}
			c.at[event][p] = last
		}
	}
	return nil
}

// gap checks that what is told to be lost is, that it is told to one with a
// channel of the event, and at its place.
func (c *checker) gap(f *frameOf) error {
	event := slices.Index(testEvents, f.Event)
	if !c.ledger.areLost(event, int(f.Partition), f.From, f.To) {
		return errors.New("it is not lost")
	}
	if !c.holds(f.Event) {
		return fmt.Errorf("nothing of %s is held", f.Event)
	}
	if f.Cursor[f.Event].Last(f.Partition) != f.To {
		return errors.New("the cursor does not cover it")
	}
	return c.cursor(f.Cursor)
}

// holds reports whether a channel of an event is held.
func (c *checker) holds(event string) bool {
	return slices.ContainsFunc(c.subs, func(p wire.Pattern) bool { return p.Event == event || p.Event == "*" })
}

// subscribed takes note of an ack. resumed are the events that go on at the
// position in at, last the channels whose newest come first.
func (c *checker) subscribed(f *frameOf, patterns []wire.Pattern, resumed []string, last []string) error {
	for name, pos := range f.Cursor {
		event := slices.Index(testEvents, name)
		switch {
		case c.holds(name):
			if err := c.cursor(map[string]wire.Position{name: pos}); err != nil {
				return err
			}
		case slices.Contains(resumed, name) && !slices.Contains(f.Lost, name):
			for p := range c.at[event] {
				if got := pos.Last(int32(p)); got != c.at[event][p] {
					return fmt.Errorf("resumed %s/%d at %d instead of %d", name, p, got, c.at[event][p])
				}
			}
		default:
			for p := range c.at[event] {
				c.at[event][p] = pos.Last(int32(p))
			}
		}
		c.placed[event] = true
	}
	for _, p := range patterns {
		if !slices.Contains(c.subs, p) {
			c.subs = append(c.subs, p)
		}
	}
	if f.Count != len(c.subs) {
		return fmt.Errorf("count is %d, %d are held: %v", f.Count, len(c.subs), c.subs)
	}
	if last != nil {
		c.last, c.behind = last, make(map[string]int64)
	}
	return nil
}

// unsubscribed takes note of an ack.
func (c *checker) unsubscribed(f *frameOf, patterns []wire.Pattern) error {
	c.unsure = true
	c.subs = slices.DeleteFunc(c.subs, func(p wire.Pattern) bool { return slices.Contains(patterns, p) })
	if f.Count != len(c.subs) {
		return fmt.Errorf("count is %d, %d are held", f.Count, len(c.subs))
	}
	return nil
}
