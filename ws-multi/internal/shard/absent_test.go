package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// kafkaOf answers where logs end, by partition, after what time it likes. What
// does not exist has no end, however long one asks.
type kafkaOf struct {
	slow  time.Duration
	mu    sync.Mutex
	ends  map[string]int64 // by partitionKey
	asked []string
}

func (k *kafkaOf) answer(ctx context.Context, event int, partitions []int32) ([]int64, error) {
	ends := k.now(event, partitions)
	if ends == nil {
		<-ctx.Done()
		return nil, errors.New("unknown partition")
	}
	time.Sleep(k.slow)
	return ends, nil
}

func (k *kafkaOf) now(event int, partitions []int32) []int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, fmt.Sprint(event, partitions))
	var ends []int64
	for _, p := range partitions {
		end, ok := k.ends[partitionKey(event, p)]
		if !ok {
			return nil
		}
		ends = append(ends, end)
	}
	return ends
}

func (k *kafkaOf) grows(event int, partition int32, end int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ends[partitionKey(event, partition)] = end
}

func (k *kafkaOf) questions() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.asked)
}

// of are the options of a test in which this is Kafka.
func (k *kafkaOf) of() Options {
	o := unpinged()
	o.Ends = k.answer
	return o
}

// withoutTopic is a world whose server has found no topic for the event 0.
func withoutTopic(t *testing.T, o Options) *stepped {
	w := &stepped{TB: t, source: &source{
		log: history.New(history.Options{Events: o.Events, Bytes: 1 << 20, Window: 1 << 30}), events: o.Events, next: make(map[string]int64),
	}}
	w.source.log.Opened(1, "log-book")
	for p := range int32(2) {
		w.source.log.Started(1, p, 0)
	}
	w.source.log.Publish(0)
	w.build(o)
	return w
}

func TestACursorOfATopicThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kafkaOf{}
		w := withoutTopic(t, k.of())
		w.write("B", 1, 0, "0")
		w.record("B", 1, 0, "1")
		m := w.join(0)
		m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade","B.book"],"cursor":{
			"trade":{"log":"log-trade","at":[7]},"book":{"log":"log-book","at":[0]}}}}`)
		w.elapse(4900 * time.Millisecond)
		m.quiet()
		w.elapse(200 * time.Millisecond)
		f := m.expect("subscription_ack")
		if f.Recovered || !slices.Equal(f.Lost, []string{"trade"}) || f.Count != 2 || f.Cursor["book"].Last(0) != 0 {
			t.Errorf("ack: %s", f.payload)
		}
		if f := m.expect("message"); string(f.Data) != "1" {
			t.Errorf("heard %s", f.payload)
		}
		m.expect("replay_complete")
		if q := k.questions(); len(q) != 0 {
			t.Errorf("Kafka was asked %q", q)
		}
	})
}

// What was not looked for since may be there: the client asks again.
func TestACursorOfATopicThatNobodyHasLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		surveyed := time.Now()
		o := (&kafkaOf{}).of()
		o.Surveyed = func() time.Time { return surveyed }
		w := withoutTopic(t, o)
		m := w.join(0)
		w.elapse(time.Second)
		const command = `{"type":"subscribe","id":1,"data":{"channels":["A.trade"],"cursor":{"trade":{"log":"log-trade","at":[7]}}}}`
		m.say(command)
		w.elapse(5100 * time.Millisecond)
		m.refused("UNAVAILABLE")
		m.say(command)
		w.elapse(time.Second)
		surveyed = time.Now()
		w.elapse(4100 * time.Millisecond)
		if f := m.expect("subscription_ack"); !slices.Equal(f.Lost, []string{"trade"}) {
			t.Errorf("ack: %s", f.payload)
		}
	})
}

// A topic made anew on a broker without topic IDs keeps its log's name.
func TestACursorOfPartitionsThatAreGone(t *testing.T) {
	const within, beyond = 10, 2
	for name, c := range map[string]struct {
		end    int64 // of partition 0, which is not read so far
		read   int   // records of it, meanwhile
		at     string
		asked  []string
		lost   bool
		sooner bool
	}{
		"all":                        {at: "-1,-1,4", end: within, lost: true},
		"one, the other is reached":  {at: "2,-1,4", end: within, read: 3, asked: []string{"0 [0]"}, lost: true},
		"one, the other is not read": {at: "2,-1,4", end: within, asked: []string{"0 [0]"}},
		"one, the other is too far":  {at: "2,-1,4", end: beyond, asked: []string{"0 [0]"}, lost: true, sooner: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &kafkaOf{ends: map[string]int64{"0/0": c.end, "0/1": 0}}
				w := newStepped(t, k.of(), history.Options{})
				m := w.join(0)
				m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade"],"cursor":{"trade":{"log":"log-trade","at":[%s]}}}}`, c.at)
				w.elapse(time.Second)
				for i := range c.read {
					w.record("A", 0, 0, fmt.Sprint(i))
				}
				if !c.sooner {
					w.elapse(3900 * time.Millisecond)
					m.quiet()
					w.elapse(200 * time.Millisecond)
				}
				if q := k.questions(); !slices.Equal(q, c.asked) {
					t.Errorf("Kafka was asked %q, want %q", q, c.asked)
				}
				if !c.lost {
					m.refused("UNAVAILABLE")
					return
				}
				if f := m.expect("subscription_ack"); !slices.Equal(f.Lost, []string{"trade"}) || f.Count != 1 {
					t.Errorf("ack: %s", f.payload)
				}
				m.expect("replay_complete")
			})
		})
	}
}

// Those who wait are looked at a hundred times a second each.
func TestALookAtOneWhoWaitsIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kafkaOf{ends: map[string]int64{"0/0": 10}}
		w := newStepped(t, k.of(), history.Options{})
		m := w.join(0)
		at := "2" + strings.Repeat(",-1", 10_000)
		m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade","*.book"],"cursor":{"trade":{"log":"log-trade","at":[%s]},"none":{"log":"","at":[]}}}}`, at)
		c := w.conns[0]
		look := func(when string) {
			t.Helper()
			a := c.awaits()
			if a == nil {
				t.Fatalf("%s: nothing waits", when)
			}
			if n := testing.AllocsPerRun(10, func() { w.try(c) }); n > 0 {
				t.Errorf("%s: a look makes %v allocations", when, n)
			}
			if c.awaits() != a || len(a.entries) != 1 {
				t.Fatalf("%s: it waits for %d entries", when, len(a.entries))
			}
			if n := len(a.entries[0].own.At); n != 1 {
				t.Errorf("%s: a look is at %d partitions", when, n)
			}
		}
		look("at first")
		w.elapse(2 * askAfter * time.Millisecond)
		look("when Kafka was asked")
		w.elapse(4 * time.Second)
		look("near the end")
		if q := k.questions(); !slices.Equal(q, []string{"0 [0]"}) {
			t.Errorf("Kafka was asked %q", q)
		}
		for i := range 3 {
			w.record("A", 0, 0, fmt.Sprint(i))
		}
		w.elapse(2 * aheadEvery * time.Millisecond)
		if f := m.expect("subscription_ack"); !f.Recovered {
			t.Errorf("ack: %s", f.payload)
		}
	})
}

// One event may be lost while another is still ahead: its verdict waits with it.
func TestACursorBeyondTheEndOfOneLogAndAheadInAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kafkaOf{ends: map[string]int64{"0/0": 1, "1/0": 10}}
		w := newStepped(t, k.of(), history.Options{})
		m := w.join(0)
		m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.*"],"cursor":{"trade":{"log":"log-trade","at":[2]},"book":{"log":"log-book","at":[0]}}}}`)
		w.elapse(2 * time.Second)
		m.quiet()
		w.record("A", 1, 0, "0")
		w.elapse(2 * aheadEvery * time.Millisecond)
		if f := m.expect("subscription_ack"); !slices.Equal(f.Lost, []string{"trade"}) {
			t.Errorf("ack: %s", f.payload)
		}
	})
}

func TestALateAnswerOfKafkaIsNotForTheNextSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kafkaOf{ends: map[string]int64{"0/0": 10}, slow: 2 * time.Second}
		w := newStepped(t, k.of(), history.Options{})
		m := w.join(0)
		const subscribe = `{"type":"subscribe","id":%d,"data":{"channels":["A.trade"],"cursor":{"trade":{"log":"log-trade","at":[%d]}}}}`
		m.say(subscribe, 1, 2)
		w.elapse(time.Second)
		for i := range 3 {
			w.record("A", 0, 0, fmt.Sprint(i))
		}
		w.elapse(2 * aheadEvery * time.Millisecond)
		m.expect("subscription_ack")
		m.expect("replay_complete")
		m.say(`{"type":"unsubscribe","id":2}`)
		m.expect("unsubscription_ack")
		k.grows(0, 0, 30)
		m.say(subscribe, 3, 20)
		w.elapse(3 * time.Second) // both answers are there
		if q := k.questions(); len(q) != 2 {
			t.Errorf("Kafka was asked %q", q)
		}
		m.quiet()
		for i := range 18 {
			w.record("A", 0, 0, fmt.Sprint(3+i))
		}
		w.elapse(2 * aheadEvery * time.Millisecond)
		if f := m.expect("subscription_ack"); f.ID != 3 || !f.Recovered {
			t.Errorf("ack: %s", f.payload)
		}
	})
}

// An entry that no pattern matches is ignored, also while another one is ahead.
func TestACursorWithAnEntryForNoChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kafkaOf{ends: map[string]int64{"0/0": 10, "1/0": 10}}
		w := newStepped(t, k.of(), history.Options{})
		m := w.join(0)
		m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade"],"cursor":{
			"trade":{"log":"log-trade","at":[0]},"book":{"log":"log-book","at":[5]},"none":{"log":"x","at":[1]}}}}`)
		m.quiet()
		time.Sleep(2 * aheadEvery * time.Millisecond)
		w.record("A", 0, 0, "0")
		if f := m.expect("subscription_ack"); !f.Recovered || f.Count != 1 {
			t.Errorf("ack: %s", f.payload)
		}
		m.expect("replay_complete")
		if q := k.questions(); len(q) != 0 {
			t.Errorf("Kafka was asked %q", q)
		}
	})
}
