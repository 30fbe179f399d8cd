package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

func TestFitLeavesOut(t *testing.T) {
	all := measured(0)
	other, lossy, search := *all[3], *all[3], *all[3]
	other.Started = time.Time{}
	other.Host.Fingerprint = "elsewhere"
	lossy.Refusals = []result.Refusal{{Code: result.Lossy}}
	search.Capacity = &result.Capacity{}
	_, left, err := Fit(append(all, &other, &lossy, &search), time.Now())
	if err != nil || len(left) != 3 {
		t.Fatalf("left out %v, %v", left, err)
	}
	for i, want := range []string{"another machine", "refused: lost", "capacity"} {
		if !strings.Contains(left[i].Why, want) {
			t.Errorf("left out because %q, want %q", left[i].Why, want)
		}
	}
	_, left, err = Fit(append(measured(0), fewClients()...), time.Now())
	if err != nil || len(left) != 1 || !strings.Contains(left[0].Why, "its floor sends a record to 1 clients") {
		t.Errorf("of a floor that sends each record to one client: %v, %v", left, err)
	}
	for _, few := range [][]*result.Result{nil, all[3:]} {
		if _, _, err := Fit(few, time.Now()); !errors.Is(err, ErrTooFew) {
			t.Errorf("of %d results: %v", len(few), err)
		}
	}
}

// fewClients are results of a load whose records are for one, for a hundred and for all: the floor has the same.
func fewClients() []*result.Result {
	var all []*result.Result
	for i, fanOut := range []int{1, 100, 2000} {
		r := &result.Result{
			Scenario: scenario.Scenario{Name: fmt.Sprintf("fanout-%d", fanOut), Kind: scenario.Deliver, Connections: 2000, Channels: 2000 / fanOut, Publish: scenario.Publish{Rate: 10, Bytes: 104}},
			Started:  time.Date(2026, 11, 23, 10, i, 0, 0, time.UTC), Host: result.Host{Fingerprint: "here"}, Floor: result.Floor{CPUMicros: 8}, Commit: "abc",
		}
		for _, server := range []string{scenario.Floor, scenario.Single} {
			r.Lanes = append(r.Lanes, result.Lane{
				Name: server, Server: server, Baseline: server == scenario.Floor, Connections: 2000,
				Slices: []result.Slice{{Seconds: 10, Records: 100, Received: int64(100 * fanOut), CPUMicros: 1e5}},
			})
		}
		all = append(all, r)
	}
	return all
}

// What is not of a variant as it is says nothing of it.
func TestFitLeavesOutLanes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Result, *result.Lane)
		want   string // "": it is taken
	}{
		{"as it is", func(*result.Result, *result.Lane) {}, ""},
		{"guards are off", func(_ *result.Result, l *result.Lane) {
			l.Settings = map[string]string{"WS_HANDSHAKES_PER_S": "off", "WS_SHARDS": "1", "GOMAXPROCS": "1", "WS_PING_INTERVAL": "25s"}
		}, ""},
		{"a setting", func(_ *result.Result, l *result.Lane) { l.Settings = map[string]string{"WS_FLUSH_INTERVAL": "10ms"} }, "WS_FLUSH_INTERVAL=10ms"},
		{"a shard on two cores", func(_ *result.Result, l *result.Lane) {
			l.Server, l.Name = "ws-multi@shards=1,cores=2", "ws-multi@shards=1,cores=2/one-fast"
		}, "1 shards on 2 cores"},
		{"cores that it had", func(_ *result.Result, l *result.Lane) { l.Cores = []int{0, 1} }, "1 shards on 2 cores"},
		{"its own core", func(_ *result.Result, l *result.Lane) { l.Cores = []int{1} }, ""},
		{"another program", func(_ *result.Result, l *result.Lane) { l.Given = true }, "built from the tree"},
		{"another version", func(r *result.Result, _ *result.Lane) {
			r.Versions = map[string]string{"ws-single": "v1.0.0", "ws-multi": "v0.0.9"}
		}, "the newest is v0.1.0"},
		{"unsettled", func(r *result.Result, l *result.Lane) {
			r.Refusals = []result.Refusal{{Code: result.Unsettled, Lane: l.Name}}
		}, result.Unsettled},
		{"a floor unsettled", func(r *result.Result, _ *result.Lane) { r.Refusals = []result.Refusal{{Code: result.Unsettled}} }, result.Unsettled},
		{"incomplete", func(r *result.Result, _ *result.Lane) { r.Refusals = []result.Refusal{{Code: result.Incomplete}} }, result.Incomplete},
		{"interrupted", func(r *result.Result, _ *result.Lane) { r.Interrupted = true }, "interrupted"},
		{"another commit", func(r *result.Result, _ *result.Lane) { r.Commit = "old" }, "another commit, old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := measured(0)
			for _, r := range all {
				r.Versions = map[string]string{"ws-single": "v1.0.0", "ws-multi": "v0.1.0"}
			}
			r := all[0]
			lane := &r.Lanes[len(r.Lanes)-1]
			tt.change(r, lane)
			_, left, err := Fit(all, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(left) > 1 {
				t.Errorf("told in %d lines: %v", len(left), left)
			}
			if tt.want == "" && len(left) > 0 || tt.want != "" && (len(left) == 0 || !strings.Contains(left[0].Why, tt.want)) {
				t.Errorf("left out %+v, want %q", left, tt.want)
			}
		})
	}
}

// Results of other commits are taken only where there are too few of the last one, and then that is told.
func TestFitOfOtherCommits(t *testing.T) {
	all := measured(0)
	all[len(all)-1].Commit = "new"
	m, left, err := Fit(all, time.Now())
	if err != nil || len(left) > 0 || !slices.Equal(m.Others, []string{"abc"}) || m.Commit != "new" {
		t.Errorf("%v, left out %v", err, left)
	}
	if m, _, err := Fit(measured(0), time.Now()); err != nil || len(m.Others) > 0 {
		t.Errorf("of one commit: others %v, %v", m.Others, err)
	}
}

// Records that nobody gets have no fan-out to be within.
func TestRangeOfNobody(t *testing.T) {
	r := rangeOf([]Point{{Shards: 1, Load: Load{100, 10, 0, 1, 50}}, {Shards: 1, Load: Load{100, 10, 20, 1, 104}}}, 0)
	if r.MinFanOut != 20 || r.MaxFanOut != 20 || r.Bytes != 104 {
		t.Errorf("%+v", r)
	}
}
