package fault

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
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
	Load: "300 clients, 20 records/s to each",
	Run:  soak,
}}

// held is what a server holds, at rest.
type held struct {
	live       int64 // bytes of heap in use after a collection
	memory     int64 // bytes: Go's heap and stacks in use, and what is resident beside them, without files
	file       int64 // bytes of the program's file that are resident
	rss        int64 // bytes
	files      int
	goroutines int
}

// base is what a server holds in eight rests, with a little of the same load before each. Of memory it is the middle of them: in one there
// is a pool that the last collection left full, a timer of somebody who went just before, in another less than ever again. Of so
// little, that is percents; what leaks moves them all.
func (t *T) base(s *stage.Server, stir func()) held {
	rests := 8
	if t.Small {
		rests = 1
	}
	var h held
	var live, memory, rss []int64
	for range rests {
		stir()
		now := t.atRest(s)
		live, memory, rss = append(live, now.live), append(memory, now.memory), append(rss, now.rss)
		h.files, h.goroutines = least(h.files, now.files), least(h.goroutines, now.goroutines)
		if h.file == 0 {
			h.file = now.file
		}
	}
	h.live, h.memory, h.rss = middle(live), middle(memory), middle(rss)
	t.Saw("in the rests, MiB: heap in use %s; memory %s and %.1f of the program's file; RSS %s",
		mibs("%.2f", live), mibs("%.2f", memory), mib(h.file), mibs("%.1f", rss))
	return h
}

// middle is the median.
func middle(all []int64) int64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func mibs(format string, all []int64) string {
	var words []string
	for _, n := range all {
		words = append(words, fmt.Sprintf(format, mib(n)))
	}
	return strings.Join(words, ", ")
}

// atRest looks when nothing is published, the history is empty and the garbage collected. The least of some seconds counts.
func (t *T) atRest(s *stage.Server) held {
	stage.Eventually(t, "the history to be empty", func() bool { return s.Metric(t, "ws_history_records") == 0 })
	t.Sleep(2 * restPing) // timers of those that have gone pass
	var h held
	for range 5 {
		live, inUse := t.heap(s)
		at, err := machine.ReadResidence(s.Process.PID)
		if err != nil {
			t.Fatal(err)
		}
		if at.GoHeap < live/2 && !t.Small {
			t.Fatalf("of %d bytes of heap in use %d are where Go's heap should be: machine.ReadResidence has to be told of another place", live, at.GoHeap)
		}
		h.live, h.memory = least(h.live, live), least(h.memory, inUse+at.Rest)
		h.file, h.rss = least(h.file, at.File), least(h.rss, at.File+at.GoHeap+at.Rest)
		t.Sleep(time.Second)
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Process.PID))
		if err != nil {
			t.Fatal(err)
		}
		h.files, h.goroutines = least(h.files, len(open)), least(h.goroutines, t.goroutines(s))
	}
	return h
}

// heap has the garbage collected and returns how much of the heap is live then, and how much memory heap and stacks have in use for
// it, in bytes: with what is lost between objects.
//
// How much of that is resident says less. The chunk of 1 MiB that the history fills is so as far as it was ever written, another part
// in each rest, and of free memory the runtime keeps up to a tenth of the heap's goal, given back by and by (go.dev/doc/gc-guide):
// together up to 1.5 MiB, at so small a server, that come and go.
func (t *T) heap(s *stage.Server) (live, inUse int64) {
	// The text form ends with the runtime's MemStats of the moment after the collection. The first collection leaves what is
	// in pools, and the second what was waiting for its finalizer.
	var stats string
	for range 3 {
		resp, err := variant.Do(stage.Within(t), http.MethodGet, "http://"+s.AdminAddr+"/debug/pprof/heap?gc=1&debug=1", nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("collect garbage: %v, %v", resp, err)
		}
		_, stats, _ = strings.Cut(string(resp.Body), "\n# runtime.MemStats")
	}
	stat := func(name string) (n int64) {
		_, text, _ := strings.Cut(stats, "# "+name+" = ")
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatalf("the heap's profile does not tell %s:\n%s", name, stats)
		}
		return n
	}
	return stat("HeapAlloc"), stat("HeapInuse") + stat("Stack")
}

// goroutines counts them. go_goroutines would count those that collect the metrics too, which are now more and now fewer.
func (t *T) goroutines(s *stage.Server) (n int) {
	resp, err := variant.Do(stage.Within(t), http.MethodGet, "http://"+s.AdminAddr+"/debug/pprof/goroutine?debug=1", nil)
	if err == nil {
		_, err = fmt.Sscanf(string(resp.Body), "goroutine profile: total %d", &n)
	}
	if err != nil {
		t.Fatalf("count goroutines: %v", err)
	}
	return n
}

// least is the lesser of two, of which the first is 0 as long as there is none.
func least[N int | int64](a, b N) N {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// back holds what is held after so many clients have come and gone to what was held before. Of what counts less than a
// hundred, one more is above 1%.
//
// RSS is counted with Go's heap and stacks as far as they are in use, and with as much of the program's file as was resident
// before: which of its pages are is the kernel's choice. Both are told beside the RSS.
//
// Of the heap a percent is some ten KB, one buffer in a pool. What leaks with a client leaks a pointer at least: that is the
// limit.
func (t *T) back(before, after held, passed int) {
	const pointer = 8
	limit := 1.01
	if t.Small {
		limit = 2 // servers keep blocks of 1 MiB ready, which is much of so little: what leaks a few KB a client still shows
		t.Most("heap in use after / before", float64(after.live)/float64(before.live), limit, "")
	} else {
		t.Most("bytes of heap in use more than before, for each client that came and went", float64(after.live-before.live)/float64(passed), pointer, "")
	}
	// The race detector's own memory only grows.
	t.held("resident memory, Go's heap by what is in use, after / before", float64(after.memory+before.file)/float64(before.memory+before.file), 1.01, "")
	t.Most("descriptors after / before", float64(after.files)/float64(before.files), limit, "")
	t.Most("goroutines after / before", float64(after.goroutines)/float64(before.goroutines), limit, "")
	t.Saw("heap in use %.2f MiB before, %.2f MiB after; memory %.2f MiB, then %.2f MiB, beside the program's file; RSS %.1f MiB, then %.1f MiB; %d descriptors, then %d; %d goroutines, then %d",
		mib(before.live), mib(after.live), mib(before.memory), mib(after.memory), mib(before.rss), mib(after.rss),
		before.files, after.files, before.goroutines, after.goroutines)
}

// restPing is how often servers ping here: their timers of connections that have gone are kept for no longer.
const restPing = 5 * time.Second

// calm are the settings of a server that is looked at.
//
// Go samples allocations for its profile of the heap. The samples are counted in a table of 1.4 MiB, of which each new place in
// the code touches another page: resident memory creeps for hours, up to that and no further (runtime/mprof.go, buckHashSize).
// Of 30 MiB it is more than the limit here, and no client's doing, so there is no sampling.
var calm = stage.Settings{
	"WS_HISTORY_WINDOW": "10s", "WS_HISTORY_BYTES": "4MiB", "WS_PING_INTERVAL": restPing.String(), "WS_PONG_TIMEOUT": "4s",
	"GODEBUG": "memprofilerate=0",
}

// strain has the server read as much at once as its bounds allow, again and again: it is stopped while records come. Then what
// it keeps for reuse is all there, and as large as it gets; else that grows by and by, as the machine has it wait, and looks
// like a leak.
func (t *T) strain(s *stage.Server, tp *stage.Topics, channels []audience.Channel) {
	if t.Small {
		return // there, limits have room for that
	}
	feed := audience.StartFeed(t, tp, channels, 1000, 5000)
	for range 5 {
		for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := s.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			t.Sleep(2 * time.Second)
		}
	}
	if _, err := feed.Stop(); err != nil {
		t.Fatal(err)
	}
}

func rounds(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, calm)
	channels := crowdChannels("trade", 5)
	t.strain(s, tp, channels)
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
		feed := audience.StartFeed(t, tp, channels, 100, 5000)
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
		if _, err := feed.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	// More than are judged: what a process keeps for the most that it ever had to do at once is no leak.
	all(t.Count(30_000))
	stir := func() { all(t.Count(500)) }
	before := t.base(s, stir)
	began := time.Now()
	all(t.Count(10_000))
	t.Saw("%d rounds took %.0f s", t.Count(10_000), Since(began))
	after := t.base(s, stir)
	t.None("rounds that failed", failed)
	t.back(before, after, t.Count(10_000))
}

func soak(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, calm)
	channels := crowdChannels("trade", 20)
	t.strain(s, tp, channels)
	crowd := t.Gather(audience.Options{URLs: []string{s.URL()}, Stay: true, Members: t.Count(300), Channels: allOf(channels[:10])})
	feed := audience.StartFeed(t, tp, channels, 40, 500)
	churn := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			crowd.CutSome(t.Count(300) / 100)
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
	base := func() held {
		return t.base(s, func() {
			feed.Pause(false)
			churn(long / 60)
			feed.Pause(true)
		})
	}
	// Long enough for what a process keeps for the most that it ever had to do at once.
	churn(long * 2 / 5)
	before, resumed := base(), crowd.Report().Resumes
	feed.Pause(false)
	churn(long)
	after := base()
	feed.Pause(false)
	t.back(before, after, crowd.Report().Resumes-resumed)
	r := t.Complete(crowd, feed)
	t.Saw("%d clients were cut and resumed", r.Resumes)
}
