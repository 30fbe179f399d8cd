package shard

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

var (
	stressFor  = flag.Duration("stress", 5*time.Second, "how long clients do things at random")
	stressSeed = flag.Uint64("stress.seed", 0, "the first seed; 0: another one each time")
)

var testSymbols = []string{"A", "B", "C", "D", "E"}

// TestClientsAtRandom has clients come, subscribe, resume, stall and go at random
// over the shards, while records are written, lost, and forgotten. Each checks
// every frame of its stream against what was written.
func TestClientsAtRandom(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	var seen seen
	const least = 8 // so that each of the variants had its turn
	for n, began := 0, time.Now(); n < least || time.Since(began) < *stressFor; n++ {
		run := newStress(n, seed+uint64(n))
		if !t.Run(fmt.Sprint("seed ", run.seed), func(t *testing.T) { run.test(t, &seen) }) {
			t.Fatalf("failed with %+v", run)
		}
	}
	t.Logf("%+v", &seen)
	for what, n := range map[string]uint64{
		"connection was late": seen.late, "socket was full": seen.full, "message was replayed": seen.replayed,
		"message was merged": seen.merged, "slow client was closed": seen.slow, "resume was recovered": seen.recovered,
		"resume was lost": seen.lost, "gap was told": seen.gaps, "replay was cut short": seen.cut,
	} {
		if n == 0 {
			t.Error("no", what)
		}
	}
}

// seen counts what has happened over all runs, to know that it is tested.
type seen struct {
	mu                                sync.Mutex
	late, full                        uint64 // looks at a shard that found one
	merged, replayed, recovered, lost uint64
	slow, gaps, cut                   uint64
}

// stress is one run.
type stress struct {
	shards, clients, steps int
	bytes                  int64 // of the history
	value                  int   // bytes of the largest
	flush                  time.Duration
	gaps                   bool
	seed                   uint64
}

// newStress draws a run. What matters most is not left to chance.
func newStress(n int, seed uint64) stress {
	r := rand.New(rand.NewPCG(seed, 0))
	run := stress{
		shards: 1 + r.IntN(4), clients: 2 + r.IntN(9), steps: 10 + r.IntN(40),
		bytes: 64 << 20, value: 900, seed: seed, gaps: n%4 >= 2,
	}
	if n%2 == 0 {
		run.bytes, run.value = 300_000, 3000
	}
	if r.IntN(2) == 0 {
		run.flush = 2 * time.Millisecond
	}
	return run
}

// lossy reports whether the history is so small that slow clients fall out of it.
func (run stress) lossy() bool { return run.bytes < 1<<20 }

func (run stress) test(t *testing.T, seen *seen) {
	o := testOptions()
	o.Conflate = []string{"book"}
	o.FlushInterval = run.flush
	w := newWorld(t, run.shards, o, history.Options{Bytes: run.bytes})
	l := newLedger(2, 2)

	stop := make(chan struct{})
	var others, clients sync.WaitGroup
	others.Go(func() { run.write(w, l, stop) })
	others.Go(func() { seen.watch(w, stop) })
	failures := make(chan error, run.clients)
	for i := range run.clients {
		clients.Go(func() {
			c := &wanderer{
				w: w, seen: seen, check: newChecker(l, []bool{false, true}),
				maySlow: run.lossy(), mayLose: run.lossy() || run.gaps,
				r: rand.New(rand.NewPCG(run.seed, uint64(i)+1)),
			}
			if err := c.wander(run.steps); err != nil {
				failures <- fmt.Errorf("client %d: %w", i, err)
			}
		})
	}
	clients.Wait()
	close(stop)
	others.Wait()
	select {
	case err := <-failures:
		t.Fatal(err)
	default:
	}
	waitFor(t, "all places", func() bool { return w.places.Load() == 0 })
	seen.add(w)
}

// watch looks now and then for what no counter tells.
func (e *seen) watch(w *world, stop chan struct{}) {
	for {
		for _, s := range w.group.shards {
			w.group.ask(s, func() {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.late += uint64(min(1, s.late))
				e.full += uint64(min(1, s.full))
			})
		}
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (e *seen) add(w *world) {
	for _, s := range w.group.shards {
		w.group.ask(s, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.merged += s.counts.Merged
			e.replayed += s.counts.Replayed
			e.recovered += s.counts.Recovered
			e.lost += s.counts.LostResumes
			e.slow += s.counts.closed[4001]
		})
	}
}

// write writes until it is told to stop, and forgets what is old.
func (run stress) write(w *world, l *ledger, stop chan struct{}) {
	r := rand.New(rand.NewPCG(run.seed, 1<<32))
	for {
		select {
		case <-stop:
			return
		default:
		}
		for range 1 + r.IntN(20) {
			event, partition, symbol := r.IntN(2), r.IntN(2), testSymbols[r.IntN(len(testSymbols))]
			if run.gaps && r.IntN(500) == 0 {
				n := 1 + r.IntN(5)
				for range n {
					l.add(event, partition, written{lost: true})
				}
				w.lose(event, int32(partition), int64(n))
			}
			value := fmt.Sprintf("%q", strings.Repeat("x", r.IntN(run.value)))
			if r.IntN(10) == 0 {
				value = "" // a tombstone
			}
			l.add(event, partition, written{symbol: symbol, tombstone: value == ""})
			w.write(symbol, event, int32(partition), value)
		}
		w.forget()
		for w.log.Full() { // as the router does
			time.Sleep(time.Millisecond)
			w.forget()
		}
		time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
	}
}

// forget evicts what may be, and publishes.
func (w *world) forget() {
	keep := w.log.Next()
	for _, s := range w.group.shards {
		keep = min(keep, s.Needs())
	}
	w.log.Evict(Since(time.Now()), keep, 1000)
	w.publish()
}
