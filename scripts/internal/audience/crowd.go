package audience

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Options say who the members are. Functions may be nil, and are called from any goroutine.
type Options struct {
	URLs       []string             // where servers are: member i begins at URLs[i%len(URLs)], and goes on to the next when a connection ends
	Stay       bool                 // it comes back to the same one instead
	Together   bool                 // all begin at URLs[0]
	Members    int                  // how many
	Channels   func(i int) []string // what member i subscribes to
	Local      func(i int) net.IP   // its source address
	Header     func(i int) http.Header
	ReadBuffer int           // SO_RCVBUF in bytes; 0: the kernel's
	Heartbeat  time.Duration // how often each sends one; 0: 20 s
	AtOnce     int           // handshakes at once; 0: 200
	Conflated  bool          // its channels may be conflated, so that a pong's merged need not be 0
}

// Crowd is a crowd at work. Its methods may be called from any goroutine.
type Crowd struct {
	o       Options
	members []*member
	flight  chan struct{}
	stop    context.CancelFunc
	ended   sync.WaitGroup

	subscribed atomic.Int64 // members that are, now

	mu      sync.Mutex // guards what follows
	report  Report
	latency *hdrhistogram.Histogram // µs
}

// Gather connects all members and returns when each is subscribed. After an error nothing is left.
func Gather(ctx context.Context, o Options) (*Crowd, error) {
	if o.Heartbeat == 0 {
		o.Heartbeat = 20 * time.Second
	}
	if o.AtOnce == 0 {
		o.AtOnce = 200
	}
	life, stop := context.WithCancel(context.Background())
	c := &Crowd{
		o: o, flight: make(chan struct{}, o.AtOnce), stop: stop, latency: newHistogram(),
		report: Report{Closes: map[int]int{}, Refused: map[string]int{}},
	}
	for i := range o.Members {
		m := newMember(c, i)
		c.members = append(c.members, m)
		c.ended.Go(func() { m.run(life) })
	}
	if err := c.AwaitAll(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// AwaitAll waits until every member is subscribed.
func (c *Crowd) AwaitAll(ctx context.Context) error {
	return c.await(ctx, func() error {
		if n := c.Subscribed(); n < c.o.Members {
			return fmt.Errorf("%d of %d clients are subscribed; %v", n, c.o.Members, c.Report())
		}
		return nil
	})
}

// Subscribed is how many members are, now.
func (c *Crowd) Subscribed() int { return int(c.subscribed.Load()) }

// AwaitEnds waits until each member has all of its channels up to n, without anything missing, double or out of order. It
// looks at a member until that has everything: what comes too much after that is for [Crowd.Complete] to see.
func (c *Crowd) AwaitEnds(ctx context.Context, ends map[string]int64) error {
	done := 0
	return c.await(ctx, func() error {
		for ; done < len(c.members); done++ {
			if err := c.members[done].complete(ends); err != nil {
				return fmt.Errorf("client %d: %w; %v", done, err, c.Report())
			}
		}
		return nil
	})
}

// Complete says what is wrong with what the members have got by now, if each is to have all of its channels up to n and
// nothing else. After Settle nothing more is under way.
func (c *Crowd) Complete(ends map[string]int64) error {
	for _, m := range c.members {
		if err := m.complete(ends); err != nil {
			return fmt.Errorf("client %d: %w; %v", m.number, err, c.Report())
		}
	}
	return nil
}

// Settle sends a heartbeat on every connection and waits for the pong, which proves what was sent to what was counted
// (P9.2): the ledgers of a crowd at rest are closed by it.
func (c *Crowd) Settle(ctx context.Context) error {
	for _, m := range c.members {
		m.owe()
	}
	return c.await(ctx, func() error {
		owed := 0
		for _, m := range c.members {
			if m.owes() {
				owed++
			}
		}
		if owed > 0 {
			return fmt.Errorf("%d clients have no pong; %v", owed, c.Report())
		}
		return nil
	})
}

// await polls until ok is nil, and returns its last error when ctx is done.
func (c *Crowd) await(ctx context.Context, ok func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

// Cut resets every member's connection, as a network does that goes away; each comes back by itself.
func (c *Crowd) Cut() {
	for _, m := range c.members {
		m.cut()
	}
}

// CutSome resets the connections of n members, chosen at random.
func (c *Crowd) CutSome(n int) {
	for range n {
		c.members[rand.N(len(c.members))].cut()
	}
}

// Stall makes members from..to-1 stop reading, Unstall go on.
func (c *Crowd) Stall(from, to int) {
	for _, m := range c.members[from:to] {
		m.stall(true)
	}
}

// Unstall lets stalled members go on.
func (c *Crowd) Unstall(from, to int) {
	for _, m := range c.members[from:to] {
		m.stall(false)
	}
}

// Latency returns the delivery times since the last call, from the record's sent to the frame read, in µs, of messages
// that did not come by a replay.
func (c *Crowd) Latency() *hdrhistogram.Histogram {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.latency
	c.latency = newHistogram()
	return h
}

// Close ends all connections and waits.
func (c *Crowd) Close() {
	c.stop()
	for _, m := range c.members {
		m.stall(false)
	}
	c.ended.Wait()
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }
