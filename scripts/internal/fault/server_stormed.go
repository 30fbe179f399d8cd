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
	f := t.fleet(load.Spec{Addr: s.Addr, Dialect: load.WS, Scenario: scen, Cursors: true})
	if c, err := f.Connect(within(t, 2*time.Minute), clients, nil); err != nil {
		t.Fatal(err)
	} else if len(c.Refused) > 0 {
		t.Saw("refused when they came first: %v", c.Refused)
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
	resting := t.rss(s)
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
		lost += r.Lost + r.Doubled + r.Reordered + r.BadSeq + r.BadPos + r.Malformed + int64(r.NotRecovered)
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
		return got.Received >= want
	})
	lost += got.Lost + got.Doubled + got.Reordered + got.BadSeq + got.BadPos + got.Malformed
	t.Most("all connected after the cut", slowest, backWithin, "s")
	t.Most("all caught up", caughtUp, backWithin, "s")
	t.None("messages lost, double or out of order, and resumes that lost something", int(lost))
	t.Most("deliveries beyond what was published", float64(got.Received-want), 0, "")
	t.All("connected at the end", got.Connections, clients)
	t.refusals(s, refused)
	t.Most("most memory in the storms / before", float64(peak)/float64(resting), bounded, "")
	t.Saw("memory %d MiB with all connected, at most %d MiB in the storms, %d MiB after; refused %v",
		resting>>20, peak>>20, t.rss(s)>>20, refused)
}

// refusals holds what clients were refused with to what the guard says it has refused: no other 5xx is allowed.
func (t *T) refusals(s *stage.Server, seen map[string]int) {
	of5xx := 0
	for reason, n := range seen {
		if status, err := strconv.Atoi(reason); err == nil && status >= http.StatusInternalServerError {
			of5xx += n
		}
	}
	t.Sleep(1100 * time.Millisecond) // the metrics are of the last second
	byGuard := s.Metric(t, "ws_connections_rejected_total")
	t.Most("answers of 5xx that were not the guard's", float64(of5xx)-byGuard, 0, "")
	var others []string
	for _, reason := range slices.Sorted(maps.Keys(seen)) {
		if _, err := strconv.Atoi(reason); err != nil {
			others = append(others, reason)
		}
	}
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
