package fault

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

func filesUsedUp(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, nil)
	channels := crowdChannels("trade", 5)
	crowd := t.Gather(audience.Options{URLs: []string{s.URL()}, Stay: true, Members: t.Count(100), Channels: allOf(channels)})
	feed := audience.StartFeed(t, tp, channels, 100, 100)
	t.Sleep(2 * time.Second) // what is opened once is open
	var limit unix.Rlimit
	if err := unix.Prlimit(s.Process.PID, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: uint64(roomFor(t, s.Process.PID, 5)), Max: limit.Max}
	if err := unix.Prlimit(s.Process.PID, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	logged := len(s.Process.Logs())
	began := time.Now()
	c := t.besiege(s, 40, 4*time.Second)
	t.flows(crowd, "files are used up", c.over)
	seconds := Since(began)
	t.Most("clients admitted while files are used up", float64(len(c.admitted)), 10, "")
	t.Saw("%d attempts in %.1f s; %d were admitted, the others had no answer or a refusal", c.attempts, seconds, len(c.admitted))
	said := float64(strings.Count(s.Process.Logs()[logged:], "too many open files"))
	t.Least("log lines that say so", said, 1, "")
	t.Most("log lines that say so, a second", said/seconds, 5, "")
	if err := unix.Prlimit(s.Process.PID, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	raised := time.Now()
	stage.Dial(t, s)
	t.Most("admitted again after the limit was raised", Since(raised), 5, "s")
	t.Whole(crowd, feed)
}

// siege is clients that want to be admitted. Those that are stay until the fault's end: they keep their files.
type siege struct {
	coming atomic.Int64

	mu       sync.Mutex // guards what follows until all are over
	admitted []*check.Client
	attempts int
}

// besiege lets n clients come, each again and again until it is admitted or the time has passed.
func (t *T) besiege(s *stage.Server, n int, lasts time.Duration) *siege {
	c := &siege{}
	c.coming.Store(int64(n))
	var wait sync.WaitGroup
	end := time.Now().Add(lasts)
	for range n {
		wait.Go(func() {
			defer c.coming.Add(-1)
			for time.Now().Before(end) && !c.come(t.Context, s, lasts) {
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	t.Cleanup(func() {
		wait.Wait()
		for _, client := range c.admitted {
			client.Abort()
		}
	})
	return c
}

// come tries once, and says whether the client was admitted.
func (c *siege) come(ctx context.Context, s *stage.Server, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := check.Dial(ctx, s.URL(), check.Options{})
	if err == nil {
		if _, err = client.Next(ctx); err != nil { // no welcome
			client.Abort()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	if err == nil {
		c.admitted = append(c.admitted, client)
	}
	return err == nil
}

func (c *siege) over() bool { return c.coming.Load() == 0 }

// roomFor is the limit of open files that leaves a process so many more: it bounds a descriptor's number, and numbers below
// may be free.
func roomFor(t *T, pid, more int) int {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, e := range open {
		used[e.Name()] = true
	}
	n := 0
	for ; more > 0; n++ {
		if !used[strconv.Itoa(n)] {
			more--
		}
	}
	return n
}
