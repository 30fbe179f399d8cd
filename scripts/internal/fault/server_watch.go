package fault

import (
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// rss is the server's resident memory, in bytes.
func (t *T) rss(s *stage.Server) int64 {
	n, err := s.Process.RSS()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cpu is the CPU time that the server has used.
func (t *T) cpu(s *stage.Server) time.Duration {
	d, err := s.Process.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// watchRSS looks at the server's memory until stop, which returns the most that was seen, in bytes.
func (t *T) watchRSS(s *stage.Server) (stop func() int64) {
	var most int64
	stopWatch := t.every(20*time.Millisecond, func() {
		if n, err := s.Process.RSS(); err == nil { // one that has ended has none
			most = max(most, n)
		}
	})
	return func() int64 { stopWatch(); return most }
}

// scraped is the sum of a metric's series with the labels, as stage has it. A server that has no time for an answer is asked
// again.
func (t *T) scraped(s *stage.Server, name string, labels ...string) (sum int) {
	var last error
	for end := time.Now().Add(stage.Patience); time.Now().Before(end); t.Sleep(100 * time.Millisecond) {
		var m variant.Metrics
		if m, last = s.Process.Metrics(stage.Within(t)); last == nil {
			return int(m.Sum(name, labels...))
		}
		select {
		case <-s.Process.Done():
			t.Fatalf("the server has ended: %v\n%s", last, s.Process.Logs())
		default:
		}
	}
	t.Fatal(last)
	return 0
}

// every calls do on a goroutine of its own, until stop or the fault's end. Do has ended when stop returns.
func (t *T) every(interval time.Duration, do func()) (stop func()) {
	ended := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			do()
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	})
	end := sync.OnceFunc(func() { close(ended); wait.Wait() })
	t.Cleanup(end)
	return end
}

// held is Most at full size. In the ordinary tests, where the servers share their cores with other tests and may
// carry the race detector, the figure is only told.
func (t *T) held(what string, got, limit float64, unit string) {
	if t.Small {
		t.Saw("%s: %.3g %s (not held here)", what, got, unit)
		return
	}
	t.Most(what, got, limit, unit)
}

// heldLeast is held for a lower limit.
func (t *T) heldLeast(what string, got, limit float64, unit string) {
	if t.Small {
		t.Saw("%s: %.3g %s (not held here)", what, got, unit)
		return
	}
	t.Least(what, got, limit, unit)
}
