package kafka

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// slow is a directory that answers about a partition after a while.
type slow struct {
	scriptedDirectory
	after map[int32]time.Duration
}

func (s *slow) ask(ctx context.Context, places []place, q question) (offsets, error) {
	for _, p := range places {
		if !wait(ctx, s.after[p.partition]) {
			return nil, ctx.Err()
		}
	}
	return s.scriptedDirectory.ask(ctx, places, q)
}

// A slow leader holds up nobody for long, and has its time when the others have
// their answers.
func TestTheFastDoNotWaitForTheSlow(t *testing.T) {
	t.Parallel()
	c, r, _ := scriptedConsumer(t, &scripted{})
	synctest.Test(t, func(t *testing.T) {
		d := newDiscovery(c, &slow{
			scriptedDirectory{first: map[int32]offset{0: {at: 1}, 1: {at: 2}, 2: {at: 3}}},
			map[int32]time.Duration{0: 10 * time.Millisecond, 1: 400 * time.Millisecond, 2: 3 * time.Second},
		}, r)
		d.topics[0].leaders = []int32{0, 1, 2}
		for _, c := range []struct {
			places []place
			want   offsets
			within time.Duration
		}{
			{[]place{{"t", 2}, {"t", 0}, {"t", 1}}, offsets{{err: errLate}, {at: 1}, {at: 2}}, 10*time.Millisecond + patience},
			{[]place{{"t", 2}}, offsets{{at: 3}}, 3 * time.Second},
			{nil, offsets{}, 0},
		} {
			began := time.Now()
			got := d.ask(t.Context(), c.places, firstOffset)[0]
			if took := time.Since(began); !slices.Equal(got, c.want) || took > c.within {
				t.Errorf("%v: %v after %v, want %v within %v", c.places, got, took, c.want, c.within)
			}
		}
	})
}

// A broker that is down keeps no answer about partitions of others back, and what
// librdkafka gives for its own is no offset. All in one question, as Ends asks, the
// others have their answers too.
func TestABrokerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	m, err := kafka.NewMockCluster(2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.CreateTopic("t", 4, 1); err != nil {
		t.Fatal(err)
	}
	cfg := configOf(m.BootstrapServers(), "t")
	dir, err := newDirectory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	listed := func() listing {
		t.Helper()
		all, err := dir.topics(t.Context(), []string{"t"})
		if err != nil {
			t.Fatal(err)
		}
		return all["t"]
	}
	now := listed()
	places := []place{{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}}
	isOfDown := func(p place) bool { return now.leaders[p.partition] == 2 }
	if !slices.ContainsFunc(places, isOfDown) || slices.IndexFunc(places, func(p place) bool { return now.leaders[p.partition] == 1 }) < 0 {
		t.Fatalf("leaders %v", now.leaders)
	}
	if _, err := dir.ask(t.Context(), places, highWater); err != nil {
		t.Fatal(err)
	}
	if err := m.SetBrokerDown(2); err != nil {
		t.Fatal(err)
	}
	_, r, _ := scriptedConsumer(t, &scripted{})
	d := newDiscovery(&Consumer{cfg: cfg, log: logOf(t), counters: newCounters(1)}, dir, r)
	d.topics[0].leaders = now.leaders
	var together offsets
	var work sync.WaitGroup
	work.Go(func() { together, err = dir.ask(t.Context(), places, highWater) })
	began := time.Now()
	answers := d.ask(t.Context(), places, highWater)[0]
	if took := time.Since(began); took > asking-time.Second {
		t.Errorf("the others' answers took %v", took)
	}
	work.Wait()
	for i, p := range places {
		if got := answers[i]; (got.err != nil) != isOfDown(p) || got.err == nil && got.at != 0 {
			t.Errorf("%v, led by %d: %+v", p, now.leaders[p.partition], got)
		}
	}
	for i, p := range places {
		if err != nil || (together[i].err != nil) != isOfDown(p) {
			t.Fatalf("together %v: %v, %v", p, together, err)
		}
	}
	// Who has less time has the others' answers within it.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	some, err := dir.ask(ctx, places, highWater)
	if err != nil || !some.any() || ctx.Err() != nil {
		t.Fatalf("in two seconds: %v, %v", some, err)
	}
	for i, end := range some.values() {
		if (end == math.MaxInt64) != isOfDown(places[i]) {
			t.Errorf("%v ends at %d", places[i], end)
		}
	}
}
