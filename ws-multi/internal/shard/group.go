package shard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// Group is all shards of the process. Its methods may be called from any
// goroutine.
type Group struct {
	shards   []*Shard
	progress chan struct{}
	done     chan struct{} // closed when Run returns
}

// NewGroup returns n shards that read log. None of them runs yet.
func NewGroup(n int, log *history.Log, o Options) (*Group, error) {
	g := &Group{progress: make(chan struct{}, 1), done: make(chan struct{})}
	for i := range n {
		s, err := newShard(i, log, &o, g.progress)
		if err != nil {
			for _, s := range g.shards {
				s.poller.Close()
			}
			return nil, fmt.Errorf("make shard %d of %d: %w", i, n, err)
		}
		g.shards = append(g.shards, s)
	}
	return g, nil
}

// Run runs the shards until ctx is done, and then resets what connections are
// left. When one fails, the others end too.
func (g *Group) Run(ctx context.Context) error {
	defer close(g.done)
	all, ctx := errgroup.WithContext(ctx)
	for _, s := range g.shards {
		all.Go(func() error { return s.run(ctx) })
	}
	return all.Wait()
}

// Shards are the members, by their numbers.
func (g *Group) Shards() []*Shard { return g.shards }

// Progress has an element when a shard that was waited for (Shard.Wait) has dealt
// with more of the history. For one goroutine: the router's.
func (g *Group) Progress() <-chan struct{} { return g.progress }

// Take gives an arrival to the shard with the fewest connections, which keeps it
// for its life.
func (g *Group) Take(a *Arrival) {
	least := g.shards[0]
	fewest := least.assigned.Load()
	for _, s := range g.shards[1:] {
		if n := s.assigned.Load(); n < fewest {
			least, fewest = s, n
		}
	}
	least.assigned.Add(1)
	if !least.put(item{arrival: a}) {
		least.assigned.Add(-1)
		a.turnAway()
	}
}

// Snapshots are the newest of all shards, by their numbers.
func (g *Group) Snapshots() []*Snapshot {
	all := make([]*Snapshot, len(g.shards))
	for i, s := range g.shards {
		all[i] = s.Snapshot()
	}
	return all
}

// Connections counts those that were given to a shard and are not released,
// as they are now.
func (g *Group) Connections() int {
	var n int64
	for _, s := range g.shards {
		n += s.assigned.Load()
	}
	return int(n)
}

// ask has f done by a shard and waits for it; not when the shards have ended.
func (g *Group) ask(s *Shard, f func()) {
	done := make(chan struct{})
	if !s.call(func() { f(); close(done) }) {
		return
	}
	select {
	case <-done:
	case <-g.done:
	}
}

// Drain tells every client that the server goes away and closes them evenly over
// spread, each after all that was pending, or at the timeout. Who comes after is told
// and closed too, within the same time.
func (g *Group) Drain(spread, timeout time.Duration) {
	for _, s := range g.shards {
		s.call(func() { s.beginDrain(spread, timeout) })
	}
}

// Emptied returns a channel that is closed when no connection is left, or the
// shards have ended. New ones must not come any more.
func (g *Group) Emptied() <-chan struct{} {
	all := make(chan struct{})
	var each []chan struct{}
	for _, s := range g.shards {
		empty := make(chan struct{})
		each = append(each, empty)
		s.call(func() {
			if s.held == 0 {
				close(empty)
				return
			}
			s.emptied = append(s.emptied, empty)
		})
	}
	go func() {
		defer close(all)
		for _, empty := range each {
			select {
			case <-empty:
			case <-g.done:
				return
			}
		}
	}()
	return all
}

// Rebalance tells n clients, chosen at random among all, that their share moves
// to another server, and closes them at rate a second, all shards together, each after
// all that was pending or when as much time as within has passed. It returns how many
// it chose: fewer if there are fewer.
func (g *Group) Rebalance(n int, rate float64, within time.Duration) int {
	stayers := make([]int, len(g.shards))
	total := 0
	for i, s := range g.shards {
		g.ask(s, func() { stayers[i] = s.stayers() })
		total += stayers[i]
	}
	n = min(n, total)
	shares := drawShares(stayers, n)
	chosen := 0
	for i, s := range g.shards {
		if shares[i] == 0 {
			continue
		}
		g.ask(s, func() {
			chosen += s.beginRebalance(shares[i], rate*float64(shares[i])/float64(n), within)
		})
	}
	return chosen
}

// drawShares draws n of so many in each shard, each of them as likely as any.
func drawShares(in []int, n int) []int {
	left, total := append([]int(nil), in...), 0
	for _, k := range in {
		total += k
	}
	shares := make([]int, len(in))
	for ; n > 0 && total > 0; n-- {
		k := rand.IntN(total)
		total--
		for i := range left {
			if k < left[i] {
				left[i]--
				shares[i]++
				break
			}
			k -= left[i]
		}
	}
	return shares
}
