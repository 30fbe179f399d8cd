package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Spec says what a fleet is.
type Spec struct {
	Worker    []string           // command line of a program that calls Serve
	CPUs      []int              // where workers run; none: anywhere
	Addr      string             // of the server, host:port
	Dialect   string             // WS, Hub or Centrifuge
	Scenario  *scenario.Scenario // who subscribes to what, and how many there are at most
	PerWorker int                // connections a process at most; 0: 17,000, or less where the limit of open files is lower
	Stalled   float64            // share of the connections that stop reading when Stall is called
	Last      bool               // note when the last connection reads each record of channel 0
	Cursors   bool               // keep cursors for Return; WS only
	Ledgers   bool               // each connection that came back asks once what it was sent (P9.2) and compares; with Cursors
	Behind    bool               // leave the core to others: to fleets whose latencies are looked at
}

// Fleet is many connections to one server, in processes of their own. Its methods are called one at a time, from any
// goroutine; a context that is done ends the one at hand.
//
// After an error of a worker process the fleet is of no use but to be closed.
type Fleet struct {
	spec    Spec
	workers []*process
	events  chan event
	closed  chan struct{}
	lastID  int
	broken  error
}

const (
	perWorker   = 17000
	sparedFiles = 100 // of a worker, that are no connections
	inFlight    = 256 // handshakes of a fleet at once: more only wait in the server's backlog
)

// Start starts the worker processes; none of them connects yet.
func Start(ctx context.Context, spec Spec) (*Fleet, error) {
	if spec.Cursors && spec.Dialect != WS {
		return nil, fmt.Errorf("start load: dialect %s has no cursors", spec.Dialect)
	}
	addr, err := net.ResolveTCPAddr("tcp4", spec.Addr)
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	spec.Addr = addr.String()
	if spec.PerWorker == 0 {
		spec.PerWorker = perWorker
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && limit.Max < perWorker+sparedFiles {
			spec.PerWorker = max(int(limit.Max)-sparedFiles, 1)
		}
	}
	f := &Fleet{spec: spec, events: make(chan event), closed: make(chan struct{})}
	for range max((spec.Scenario.Connections+spec.PerWorker-1)/spec.PerWorker, 1) {
		p, err := startProcess(len(f.workers), spec.Worker, spec.CPUs, f.events, f.closed)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start load worker: %w", err), f.Close())
		}
		f.workers = append(f.workers, p)
	}
	if err := f.all(ctx, order{Do: doSetup}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("start load: %w", err), f.Close())
	}
	return f, nil
}

// PIDs are the worker processes.
func (f *Fleet) PIDs() []int {
	pids := make([]int, len(f.workers))
	for i, p := range f.workers {
		pids[i] = p.pid
	}
	return pids
}

// Connect raises the fleet to n connections, each of them subscribed and acknowledged; those that have ended are
// replaced. Ones that are refused are tried again with backoff, and counted by the status or the error. It returns when
// all are there, or with what it came to when ctx is done or the server refuses for good. progress may be nil.
func (f *Fleet) Connect(ctx context.Context, n int, progress func(connected int)) (result.Connect, error) {
	var c result.Connect
	if most := f.spec.PerWorker * len(f.workers); n > most {
		return c, fmt.Errorf("connect %d clients: the scenario has %d, and there are processes for %d", n, f.spec.Scenario.Connections, most)
	}
	took := newHistogram()
	lives := make([]int, len(f.workers))
	connected := func() (sum int) {
		for _, n := range lives {
			sum += n
		}
		return sum
	}
	began := time.Now()
	err := f.all(ctx, order{Do: doConnect, N: n, Flight: f.flight()}, func(worker int, r *report) error {
		lives[worker] = r.Live
		if progress != nil {
			progress(connected())
		}
		if r.Came == nil {
			return nil
		}
		c.Refused = addReasons(c.Refused, r.Came.Refused)
		return merge(took, r.Came.Took)
	})
	c.Seconds = time.Since(began).Seconds()
	c.PerSecond = float64(took.TotalCount()) / c.Seconds
	c.P50MS, c.P99MS, c.MaxMS = ms(took.ValueAtQuantile(50)), ms(took.ValueAtQuantile(99)), ms(took.Max())
	if err != nil {
		return c, fmt.Errorf("connect %d clients, of which %d came%s: %w", n, connected(), inWords(c.Refused), err)
	}
	return c, nil
}

// Begin starts an interval.
func (f *Fleet) Begin(ctx context.Context) error {
	if err := f.all(ctx, order{Do: doBegin}, nil); err != nil {
		return fmt.Errorf("begin to count: %w", err)
	}
	return nil
}

// Counts is what has come since Begin. It is cheap: workers copy a few numbers.
func (f *Fleet) Counts(ctx context.Context) (Counts, error) {
	var sum Counts
	err := f.all(ctx, order{Do: doCounts}, func(_ int, r *report) error {
		if r.Counts != nil {
			sum.add(r.Counts)
		}
		return nil
	})
	if err != nil {
		return sum, fmt.Errorf("count: %w", err)
	}
	return sum, nil
}

// End ends the interval that Begin has started.
func (f *Fleet) End(ctx context.Context) (Interval, error) {
	sum := Interval{Latency: newHistogram()}
	if f.spec.Last {
		sum.Last = map[int64]Span{}
	}
	err := f.all(ctx, order{Do: doEnd}, func(_ int, r *report) error {
		one := r.Interval
		if one == nil {
			return nil
		}
		sum.Counts.add(&one.Counts)
		sum.Stalled.add(one.Stalled)
		sum.Busy, sum.Wait = max(sum.Busy, one.Busy), max(sum.Wait, one.Wait)
		sum.Seconds = max(sum.Seconds, one.Seconds)
		if sum.Last != nil {
			for n, at := range one.Last {
				if before, ok := sum.Last[n]; ok {
					at = Span{min(before.First, at.First), max(before.Last, at.Last)}
				}
				sum.Last[n] = at
			}
		}
		return merge(sum.Latency, one.Latency)
	})
	if err != nil {
		return sum, fmt.Errorf("end counting: %w", err)
	}
	return sum, nil
}

// Stall makes the connections that stall read no more. Their receive buffers are small from the start, so the server
// finds them full after a few messages.
func (f *Fleet) Stall(ctx context.Context) error {
	if err := f.all(ctx, order{Do: doStall}, nil); err != nil {
		return fmt.Errorf("stall: %w", err)
	}
	return nil
}

// Cut closes every connection by RST.
func (f *Fleet) Cut(ctx context.Context) error {
	if err := f.all(ctx, order{Do: doCut}, nil); err != nil {
		return fmt.Errorf("cut connections: %w", err)
	}
	return nil
}

// Return brings all connections back that were cut, each with its cursor, and returns when each was told that its
// replay is complete and has read so many messages since the cut, or with what it came to when ctx is done. Messages
// are checked across the cut: what is missing is lost.
func (f *Fleet) Return(ctx context.Context, each int) (Returned, error) {
	var sum Returned
	began := time.Now().UnixMicro()
	err := f.all(ctx, order{Do: doReturn, Each: each, Flight: f.flight()}, func(_ int, r *report) error {
		one := r.Returned
		if one == nil {
			return nil
		}
		since := func(at int64) float64 { return float64(max(at-began, 0)) / 1e6 }
		sum.Connected, sum.CaughtUp = max(sum.Connected, since(one.Connected)), max(sum.CaughtUp, since(one.CaughtUp))
		sum.Returned += one.Returned
		sum.Complete += one.Complete
		sum.Replayed += one.Replayed
		sum.Received += one.Received
		sum.NotRecovered += one.NotRecovered
		sum.Refused = addReasons(sum.Refused, one.Refused)
		sum.Faults.add(&one.Faults)
		return nil
	})
	if err != nil {
		return sum, fmt.Errorf("return, of which %d came back and %d caught up%s: %w", sum.Returned, sum.Complete, inWords(sum.Refused), err)
	}
	return sum, nil
}

// Close closes every connection by RST and ends the workers. It tells of one that did not end well, unless an earlier call
// did.
func (f *Fleet) Close() error {
	if f.broken == nil && len(f.workers) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		_ = f.all(ctx, order{Do: doQuit}, nil) // one that does not is killed
	}
	close(f.closed)
	var errs []error
	for _, p := range f.workers {
		if err := p.end(); f.broken == nil {
			errs = append(errs, err)
		}
	}
	f.workers, f.broken = nil, errors.New("the fleet is closed")
	return errors.Join(errs...)
}

// flight is each worker's share of the handshakes at once.
func (f *Fleet) flight() int { return max(inFlight/len(f.workers), 1) }

// share is how many of the first n connections are a worker's: they are dealt out in turn.
func (f *Fleet) share(worker, n int) int {
	return (n + len(f.workers) - 1 - worker) / len(f.workers)
}

func (f *Fleet) setup(worker int) *setup {
	return &setup{
		Addr: f.spec.Addr, Dialect: f.spec.Dialect, Scenario: f.spec.Scenario, Share: f.spec.Stalled,
		Last: f.spec.Last, Cursors: f.spec.Cursors, Ledgers: f.spec.Ledgers, Behind: f.spec.Behind,
		Number: worker, Workers: len(f.workers),
	}
}

func merge(into *hdrhistogram.Histogram, encoded []byte) error {
	from, err := hdrhistogram.Decode(encoded)
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	into.Merge(from)
	return nil
}

func ms(us int64) float64 { return float64(us) / 1000 }
