package fault

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A day in little: what leaks a little each time has leaked much by then.
var soakFaults = []Fault{{
	Name: "connect-close-rounds", Short: true,
	Did:  "10,000 clients come, subscribe, take a message and go, half of them without a close frame",
	Load: "20 at a time, 100 records/s",
	Run:  rounds,
}, {
	Name: "soak",
	Did:  "for 30 minutes, each second one client in a hundred is cut and comes back with its cursor",
	Load: "500 clients, 200 records/s",
	Run:  soak,
}}

// held is what a server holds, at rest.
type held struct {
	memory     int64 // resident, bytes
	files      int
	goroutines float64
}

// atRest collects the garbage and looks. Memory that was freed goes back to the system by and by, so the least of some
// seconds counts.
func (t *T) atRest(s *stage.Server) held {
	var h held
	for range 10 {
		// A heap profile with gc=1 collects first.
		if resp, err := variant.Do(stage.Within(t), http.MethodGet, "http://"+s.AdminAddr+"/debug/pprof/heap?gc=1", nil); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("collect garbage: %v, %v", resp, err)
		}
		t.Sleep(time.Second)
		rss, err := s.Process.RSS()
		if err != nil {
			t.Fatal(err)
		}
		if h.memory == 0 || rss < h.memory {
			h.memory = rss
		}
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Process.PID))
		if err != nil {
			t.Fatal(err)
		}
		if h.files == 0 || len(open) < h.files {
			h.files = len(open)
		}
		if n := s.Metric(t, "go_goroutines"); h.goroutines == 0 || n < h.goroutines {
			h.goroutines = n
		}
	}
	return h
}

// back holds what is held after to what was held before. Of what counts less than a hundred, one more is above 1%.
func (t *T) back(before, after held) {
	// The race detector's own memory only grows.
	t.held("memory after / before", float64(after.memory)/float64(before.memory), 1.01, "")
	t.Most("descriptors after / before", float64(after.files)/float64(before.files), 1.01, "")
	t.Most("goroutines after / before", after.goroutines/before.goroutines, 1.01, "")
	t.Saw("resident %.1f MiB before, %.1f MiB after; %d descriptors, then %d; %.0f goroutines, then %.0f",
		mib(before.memory), mib(after.memory), before.files, after.files, before.goroutines, after.goroutines)
}

func rounds(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_HISTORY_WINDOW": "10s", "WS_HISTORY_BYTES": "4MiB"}) // full from the start
	channels := crowdChannels("trade", 5)
	feed := audience.StartFeed(t, tp, channels, 100, 5000)
	round := func(i int) error {
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{})
		if err != nil {
			return err
		}
		defer c.Abort()
		if _, err := c.Subscribe(check.Subscription{Channels: []string{channels[i%len(channels)].Name()}, Last: 1}); err != nil {
			return err
		}
		if _, _, err := c.Until(stage.Within(t), func(f *check.Frame) bool { return f.Type == "message" }); err != nil {
			return err
		}
		if i%2 == 0 {
			c.Close()
		}
		if broken := c.Broken(); len(broken) > 0 {
			return fmt.Errorf("promises broken: %v", broken)
		}
		return nil
	}
	failed := 0
	all := func(n int) {
		var next, bad atomic.Int64
		var workers sync.WaitGroup
		for range 20 {
			workers.Go(func() {
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					if err := round(int(i)); err != nil {
						bad.Add(1)
						t.Logf("round %d: %v", i, err)
					}
				}
			})
		}
		workers.Wait()
		failed += int(bad.Load())
	}
	t.Sleep(12 * time.Second) // the history is full
	all(t.Count(2000))
	before := t.atRest(s)
	began := time.Now()
	all(t.Count(10_000))
	t.Saw("%d rounds took %.0f s", t.Count(10_000), Since(began))
	after := t.atRest(s)
	t.None("rounds that failed", failed)
	t.back(before, after)
	if _, err := feed.Stop(); err != nil {
		t.Fatal(err)
	}
}

func soak(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_HISTORY_WINDOW": "30s", "WS_HISTORY_BYTES": "4MiB"})
	channels := crowdChannels("trade", 20)
	crowd := t.Gather(audience.Options{URLs: []string{s.URL()}, Stay: true, Members: t.Count(500), Channels: allOf(channels[:10])})
	feed := audience.StartFeed(t, tp, channels, 200, 500)
	churn := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			crowd.CutSome(t.Count(500) / 100)
			t.Sleep(time.Second)
		}
		if err := crowd.AwaitAll(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
	}
	long := 30 * time.Minute
	if t.Small {
		long = 30 * time.Second
	}
	churn(long / 10)
	before := t.atRest(s)
	churn(long)
	after := t.atRest(s)
	t.back(before, after)
	r := t.Complete(crowd, feed)
	t.Saw("%d clients were cut and resumed", r.Resumes)
}
