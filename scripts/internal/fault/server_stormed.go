package fault

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/load"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func serverStormed(t *T) {
	const storms = 3
	clients := t.Count(10_000)
	scen := &scenario.Scenario{Connections: clients, Channels: 20, Subscribe: scenario.Subscribe{Each: 1}}
	plan := scenario.NewPlan(scen, 0)
	tp := stage.MakeTopics(t, t.Brokers, 12, scenario.Event)
	set := stage.Settings{}
	if !t.Small {
		// The guard as it is in production: what it refuses is to come back all the same.
		set["WS_CPU_REJECT_PERCENT"], set["WS_CPU_PAUSE_PERCENT"] = "75", "85"
	}
	s := t.Start(tp, set)
	f := t.fleet(load.Spec{Addr: s.Addr, Dialect: load.WS, Scenario: scen, Cursors: true, Ledgers: true})
	if c, err := f.Connect(within(t, 2*time.Minute), clients, nil); err != nil {
		t.Fatal(err)
	} else if len(c.Refused) > 0 {
		t.Saw("refused when they came first: %s", tally(c.Refused))
	}
	if err := f.Begin(stage.Within(t)); err != nil {
		t.Fatal(err)
	}
	var channels []audience.Channel
	for ch := range plan.Channels() {
		channels = append(channels, audience.Channel{Symbol: plan.Symbol(ch), Event: scenario.Event})
	}
	feed := audience.StartFeed(t, tp, channels, 20, 100)
	t.Sleep(3 * time.Second)
	t.Sleep(1100 * time.Millisecond) // the metrics are of the last second
	resting, guarded := t.rss(s), t.guarded(s)
	refused := map[string]int{}
	var slowest, caughtUp float64
	var lost int64
	memory := t.watchRSS(s)
	for range storms {
		if err := f.Cut(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
		t.Sleep(time.Second)
		r, err := f.Return(within(t, 2*backWithin*time.Second), 1)
		if err != nil {
			t.Fatal(err)
		}
		for reason, n := range r.Refused {
			refused[reason] += n
		}
		slowest, caughtUp = max(slowest, r.Connected), max(caughtUp, r.CaughtUp)
		lost += r.Lost + r.Doubled + r.Reordered + r.BadSeq + r.BadLedger + r.BadPos + r.Malformed + int64(r.NotRecovered)
		t.Sleep(2 * time.Second)
	}
	peak := memory()

	ends, err := feed.Stop()
	if err != nil {
		t.Fatal(err)
	}
	var want int64
	for ch := range channels {
		want += ends[channels[ch].Name()] * int64(plan.Subscribers(ch, clients))
	}
	var got load.Counts
	stage.Eventually(t, fmt.Sprintf("%d deliveries", want), func() bool {
		if got, err = f.Counts(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
		return got.Received >= want && got.Ledgers >= int64(storms*clients)
	})
	lost += got.Lost + got.Doubled + got.Reordered + got.BadSeq + got.BadLedger + got.BadPos + got.Malformed
	t.Most("all connected after the cut", slowest, backWithin, "s")
	t.Most("all caught up", caughtUp, backWithin, "s")
	t.None("messages lost, double or out of order, accounts that disagree, and resumes that lost something", int(lost))
	t.All("accounts of the server compared, one a return of each client", int(got.Ledgers), storms*clients)
	t.Most("deliveries beyond what was published", float64(got.Received-want), 0, "")
	t.All("connected at the end", got.Connections, clients)
	t.refusals(s, guarded, refused)
	t.Most("most memory in the storms / before", float64(peak)/float64(resting), bounded, "")
	t.Saw("memory %d MiB with all connected, at most %d MiB in the storms, %d MiB after; refused: %s",
		resting>>20, peak>>20, t.rss(s)>>20, tally(refused))
}

// guarded is how many connections the server's guard has refused with 503 so far. What it refuses with 429 is no 5xx, and who is
// refused by a server that drains, or is not ready, is refused by no guard.
func (t *T) guarded(s *stage.Server) (n int) {
	for _, reason := range []string{metric.RejectRate, metric.RejectConnections, metric.RejectCPU, metric.RejectMemory} {
		n += t.scraped(s, metric.ConnectionsRejected.Name, "reason", reason)
	}
	return n
}

// refusals holds what clients were refused with in the storms to what the guard refused since it had refused so many: no other
// 5xx is allowed.
func (t *T) refusals(s *stage.Server, before int, seen map[string]int) {
	t.Sleep(1100 * time.Millisecond) // the metrics are of the last second
	byGuard := t.guarded(s) - before
	unavailable, failures := seen[strconv.Itoa(http.StatusServiceUnavailable)], 0
	var others []string
	for _, reason := range slices.Sorted(maps.Keys(seen)) {
		status, err := strconv.Atoi(reason)
		switch {
		case err != nil:
			others = append(others, reason)
		case status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable:
			failures += seen[reason]
		}
	}
	t.None("answers of 5xx that were no 503", failures)
	t.None("answers of 503 in the storms beyond those that the guard says it gave", max(unavailable-byGuard, 0))
	t.Saw("the guard refused %d in the storms with 503", byGuard)
	if len(others) > 0 {
		t.Saw("connections that got no answer: %s", strings.Join(others, ", "))
	}
}

// fleet starts processes that hold the clients, and ends them with the fault.
func (t *T) fleet(spec load.Spec) *load.Fleet {
	program, err := workerProgram()
	if err != nil {
		t.Fatal(err)
	}
	spec.Worker = []string{program, "worker"}
	f, err := load.Start(stage.Within(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// workerProgram builds bench, whose command worker serves a fleet.
var workerProgram = sync.OnceValues(func() (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	dir, err := variant.BinDir()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "bench")
	cmd := exec.Command("go", "build", "-o", program, "./cmd/bench")
	cmd.Dir = filepath.Join(root, "scripts")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the clients' program: %w\n%s", err, out)
	}
	return program, nil
})

func within(t *T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context, d)
	t.Cleanup(cancel)
	return ctx
}
