package measure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// short measures a scenario made small, as the long runs do but on whatever cores there are.
func short(t *testing.T, s scenario.Scenario, change func(*Config)) *result.Result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Scenario: s, Servers: []string{"ws-single"}, Brokers: brokers, Worker: []string{self}, Seed: 1, Command: []string{"test"}, Turns: 2, Plain: 100, Warm: time.Nanosecond}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	res, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	// What is written can be read again, and fits the schema.
	path := filepath.Join(t.TempDir(), "result.json")
	if err := res.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Read(path); err != nil {
		t.Fatal(err)
	}
	return res
}

func load100(t *testing.T, name string) scenario.Scenario {
	t.Helper()
	s, err := scenario.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Short(100, time.Second, 3)
}

// Each scenario runs in little: a hundred connections, a second each. Its figures mean nothing, but that everything
// came, once and in order, does.
func TestScenarios(t *testing.T) {
	names, err := scenario.Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			s := load100(t, name)
			res := short(t, s, func(c *Config) { c.Servers = here(t, s.Servers) })
			for _, r := range res.Refusals {
				// A busy machine may be slow; it may not lose.
				if r.Code == result.Lossy || r.Code == result.NotConnected || r.Code == result.NotStalled {
					t.Errorf("refused: %s", r.Text)
				}
			}
			for _, l := range res.Lanes {
				expectFigures(t, res, l)
			}
			for _, j := range res.Judgements {
				if j.Pairs == 0 && j.Measure != scenario.Last { // which takes a hundred broadcasts
					t.Errorf("not measured: %s", j.Text)
				}
			}
			if len(res.Timeline) == 0 || res.Proof.FramesPerSecond == 0 || res.Floor.CPUMicros == 0 || res.Commit == "" {
				t.Errorf("timeline of %d, proof %v, floor %v, commit %q", len(res.Timeline), res.Proof, res.Floor, res.Commit)
			}
		})
	}
}

// here are those of a scenario's servers that the repository has, else the one in production.
func here(t *testing.T, names []string) []string {
	t.Helper()
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(all, func(v variant.Variant) bool { return v.Name == scenario.VariantOf(name) })
	})
	if len(names) == 0 {
		names = []string{scenario.Single}
	}
	return names
}

func expectFigures(t *testing.T, res *result.Result, l result.Lane) {
	t.Helper()
	switch {
	case l.Server == scenario.Reader:
		if l.Totals.CPUPerRecord == 0 || l.Slices[0].Read < l.Slices[0].Records {
			t.Errorf("%s read %d of %d records", l.Name, l.Slices[0].Read, l.Slices[0].Records)
		}
	case len(l.Slices) > 0 && l.Totals.Expected > 0:
		if l.Totals.Received != l.Totals.Expected || l.Latency == nil || l.Totals.CPUPerDelivery <= 0 || l.Totals.FrameBytes < 100 {
			t.Errorf("%s: %+v, latency %v", l.Name, l.Totals, l.Latency)
		}
	case res.Scenario.Kind == scenario.Idle:
		if l.Totals.RSSPerConnection == 0 || len(l.Memory) != len(res.Scenario.Steps) {
			t.Errorf("%s: memory %+v", l.Name, l.Memory)
		}
	case res.Scenario.Kind == scenario.Storm:
		if len(l.Storms) != res.Scenario.Rounds || l.Storms[0].Replayed != int64(100*res.Scenario.Missed) {
			t.Errorf("%s: storms %+v", l.Name, l.Storms)
		}
	}
}

// Several processes on one port, and several load processes, are one server with one fleet: every message comes once, and its
// processes' memory and time are added up.
func TestProcessesOnOnePort(t *testing.T) {
	s, err := scenario.Find("fifty-thousand")
	if err != nil {
		t.Fatal(err)
	}
	small := s.Short(600, time.Second, 3)
	res := short(t, small, func(c *Config) {
		c.Servers, c.PerWorker = []string{"ws-single@processes=3"}, 200
		c.Provoke = func(slice int, r *Rig) {
			if in := r.lanes[1].in; slice == 0 && (len(in.procs) != 3 || len(in.fleet.PIDs()) != 3) {
				t.Errorf("%d processes and %d load processes, want 3 and 3", len(in.procs), len(in.fleet.PIDs()))
			} else if slice == 0 {
				for _, proc := range in.procs {
					m, err := proc.Metrics(t.Context())
					if n := m.Sum("ws_connections"); err != nil || n < 100 || n > 300 {
						t.Errorf("one of three processes has %.0f of 600 connections: %v", n, err)
					}
				}
			}
		}
	})
	l := res.Lanes[1]
	if l.Processes != 3 || l.Connections != 600 || l.Totals.Received != l.Totals.Expected || l.Totals.Expected == 0 || len(l.Memory) != 2 || l.Totals.RSSPerConnection == 0 {
		t.Errorf("%+v", l)
	}
	for _, r := range res.Refusals {
		if r.Code == result.Lossy || r.Code == result.NotConnected {
			t.Errorf("refused: %s", r.Text)
		}
	}
	for _, j := range res.Judgements {
		if !strings.Contains(j.Note, "3 processes on one port") || j.Info != (j.Verdict == result.Stated) {
			t.Errorf("%s: %s, %q", j.Text, j.Verdict, j.Note)
		}
	}
}

// Of channels in groups each lane's records reach as many as its group says.
func TestGroups(t *testing.T) {
	res := short(t, scenario.Scenario{
		Name: "groups", Title: "T", About: "A", Kind: scenario.Deliver, Connections: 100, Channels: 1 + 5 + 100,
		Subscribe: scenario.Subscribe{Each: 3, FanOuts: []int{0, 20, 1}}, Publish: scenario.Publish{Rate: 20, Bytes: 104, Group: 1},
		Slice: scenario.Duration(500 * time.Millisecond), Rounds: 3,
		Lanes: []scenario.Lane{{Name: "all"}, {Name: "twenty", Publish: &scenario.Publish{Group: 2}}, {Name: "one", Publish: &scenario.Publish{Group: 3, Rate: 200}}},
	}, nil)
	for name, want := range map[string]float64{"ws-single/all": 100, "ws-single/twenty": 20, "ws-single/one": 1} {
		if l := laneOf(res, name); l.FanOut != want || l.Totals.Received != l.Totals.Expected || l.Totals.Lost+l.Totals.Doubled > 0 {
			t.Errorf("%s reached %g a record, %+v", name, l.FanOut, l.Totals)
		}
	}
	if floor := laneOf(res, scenario.Floor); floor.Connections != 100 || res.Floor.CPUMicros == 0 { // Plain, of the tests
		t.Errorf("the floor had %d connections", floor.Connections)
	}
}

// Those who resume come back in every other turn, with all they missed, while the others are measured.
func TestResume(t *testing.T) {
	s := load100(t, "resume")
	res := short(t, s, func(c *Config) { c.Servers = []string{scenario.Single} })
	for _, l := range res.Lanes {
		want := l.Name == "ws-single/resuming"
		if l.Resuming > 0 != want {
			t.Errorf("in %s %d resume", l.Name, l.Resuming)
		}
		for _, sl := range l.Slices {
			clients := s.Resuming()
			if back := sl.Resume; (back != nil) != want || want && (back.Clients != clients || back.Replayed != int64(clients*s.Missed) || back.Seconds <= 0) {
				t.Errorf("%s: resumed %+v, want %d clients with %d messages each", l.Name, back, clients, s.Missed)
			}
		}
	}
	for _, r := range res.Refusals {
		if r.Code == result.Lossy {
			t.Errorf("refused: %s", r.Text)
		}
	}
	if j := res.Judgements[0]; len(res.Judgements) != 1 || j.Of != "ws-single/resuming" || j.Verdict != result.Stated || j.Value == 0 {
		t.Errorf("%+v", res.Judgements)
	}
}

// A server that is to have more cores than servers do takes of the load's, and the result says which.
func TestSharedCores(t *testing.T) {
	server, loads, err := machine.Split(1)
	if err != nil {
		t.Fatal(err)
	}
	s := load100(t, "broadcast")
	all := len(server) + len(loads)
	wide := fmt.Sprintf("ws-single@cores=%d", all)
	s.Limits = []scenario.Limit{
		{Measure: scenario.CPU, Of: wide, Over: "ws-single", AtMost: 10},
		{Measure: scenario.P99, Of: "server", AtMost: 1e6},
	}
	res := short(t, s, func(c *Config) { c.Server, c.Load, c.Servers = server, loads, []string{"ws-single", wide} })
	if l := laneOf(res, wide); len(l.Cores) != all || !slices.Equal(l.Shared, loads) {
		t.Errorf("it had cores %v, of them shared %v", l.Cores, l.Shared)
	}
	if l := laneOf(res, "ws-single"); !slices.Equal(l.Cores, server) || len(l.Shared) > 0 {
		t.Errorf("the other had cores %v, of them shared %v", l.Cores, l.Shared)
	}
	if j := res.Judgements[0]; !strings.Contains(j.Note, "in common with generator") || j.Pairs == 0 && res.Verdict != result.Refused {
		t.Errorf("%+v", j)
	}
	expectRefusal(t, res, result.SharedCores)
	_, err = Start(t.Context(), Config{
		Scenario: s, Brokers: brokers, Worker: []string{os.Args[0]}, Server: server, Load: loads, Servers: []string{fmt.Sprintf("ws-single@cores=%d", all+1)},
	})
	if err == nil || !strings.Contains(err.Error(), "take fewer") {
		t.Errorf("more cores than there are: %v", err)
	}
}

// Two equal servers cost the same, or the comparison is worth nothing. A machine that runs tests is too noisy for more
// than this.
func TestSameServerTwice(t *testing.T) {
	s := load100(t, "broadcast")
	s.Rounds, s.Publish.Rate, s.Slice = 6, 50, scenario.Duration(500*time.Millisecond)
	s.Limits = []scenario.Limit{{Measure: scenario.CPU, Of: "ws-single", Over: "ws-single#2", AtMost: 3}}
	res := short(t, s, func(c *Config) { c.Servers = []string{"ws-single", "ws-single#2"} })
	if j := res.Judgements[0]; j.Value < 0.4 || j.Value > 2.5 {
		t.Errorf("a server over itself: %g (%g to %g)", j.Value, j.Low, j.High)
	}
}

func TestInterruptedKeepsWhatWasMeasured(t *testing.T) {
	s := load100(t, "broadcast")
	s.Rounds = 1000
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	turns := 0
	res, err := Run(ctx, Config{
		Scenario: s, Servers: []string{"ws-single"}, Brokers: brokers, Worker: []string{self}, Warm: time.Nanosecond,
		Progress: func(p Progress) {
			if p.Phase == "measure" {
				if turns++; turns == 10 {
					cancel()
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Interrupted || res.Verdict != result.Refused || len(res.Lanes[1].Slices) == 0 {
		t.Errorf("interrupted %v, %s, %d slices", res.Interrupted, res.Verdict, len(res.Lanes[1].Slices))
	}
}

func TestCapacity(t *testing.T) {
	s := load100(t, "broadcast")
	s.Limits = nil
	s.Publish.Rate, s.Slice = 2000, scenario.Duration(300*time.Millisecond)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v, err := find("ws-single")
	if err != nil {
		t.Fatal(err)
	}
	given, err := v.Build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	// A bound that no machine holds for long, so that the search has an end within the test's time.
	res, err := Capacity(t.Context(), Config{
		Scenario: s, Servers: []string{"ws-single"}, Binaries: map[string]string{"ws-single": given}, Brokers: brokers, Worker: []string{self}, Turns: 2, Plain: 100, Warm: time.Nanosecond,
	}, Bound{P99: 40 * time.Millisecond, Headroom: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Refusals {
		if r.Code == result.Lossy {
			t.Errorf("refused: %s", r.Text)
		}
	}
	if floor, server := laneOf(res, scenario.Floor), laneOf(res, "ws-single"); floor.Given || !server.Given {
		t.Errorf("a program was given for the floor: %v, for the server: %v", floor.Given, server.Given)
	}
	c := res.Capacity
	settle(res) // also where a busy machine was refused
	if c.Rate <= 0 || len(c.Trials) < 3 || c.Settings["WS_MAX_CONNECTIONS"] != "100" || !strings.Contains(c.Settings["WS_MEASURED_ON"], "us@") {
		t.Errorf("%+v", c)
	}
	if !slices.ContainsFunc(c.Trials, func(t result.Trial) bool { return !t.Held && t.Why != "" }) {
		t.Errorf("no rate was too high: %+v", c.Trials)
	}
}

// hog computes on a core until the test ends, or until it is stopped.
func hog(t *testing.T, core int) (stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hogEnv+"=1")
	for i, kv := range cmd.Env {
		if strings.HasPrefix(kv, workerEnv) {
			cmd.Env[i] = "NOT=1"
		}
	}
	if err := machine.RunPinned([]int{core}, cmd.Start); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // it does not end by itself
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func expectRefusal(t *testing.T, res *result.Result, code string) {
	t.Helper()
	for _, r := range res.Refusals {
		if r.Code == code {
			t.Log(r.Text)
			return
		}
	}
	t.Errorf("not refused as %s: %+v", code, res.Refusals)
}

// Each reason to refuse, provoked.
func TestProvoked(t *testing.T) {
	server, loads, err := machine.Split(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("starved generator", func(t *testing.T) {
		s := load100(t, "broadcast")
		s.Publish.Rate = 500
		res := short(t, s, func(c *Config) {
			c.Server, c.Load = server, loads
			var stops []func()
			c.Provoke = func(slice int, r *Rig) {
				switch slice {
				case 0:
					for range 6 {
						stops = append(stops, hog(t, loads[0]))
					}
				case 2*warmups + 2*2: // in the last round: a worker that has no core does not end in time, either
					for _, stop := range stops {
						stop()
					}
				}
			}
		})
		expectRefusal(t, res, result.Starved)
	})
	t.Run("others on the server's core", func(t *testing.T) {
		res := short(t, load100(t, "broadcast"), func(c *Config) {
			c.Server, c.Load = server, loads
			c.Provoke = func(slice int, r *Rig) {
				if slice == 0 {
					hog(t, server[0])
				}
			}
		})
		expectRefusal(t, res, result.Foreigners)
	})
	t.Run("slowed broker", func(t *testing.T) {
		b, err := broker.Start(t.Context(), broker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Stop() //nolint:errcheck // it has nothing to lose
		res := short(t, load100(t, "broadcast"), func(c *Config) {
			c.Brokers = b.Addr()
			c.Provoke = func(slice int, r *Rig) {
				if slice < 6 {
					return // the warm-up
				}
				if err := b.Freeze(); err != nil {
					t.Error(err)
				}
				time.AfterFunc(600*time.Millisecond, func() {
					if err := b.Thaw(); err != nil {
						t.Error(err)
					}
				})
			}
		})
		expectRefusal(t, res, result.SlowBroker)
	})
	t.Run("lost messages", func(t *testing.T) {
		// The hub keeps 256 messages for a client and closes it beyond.
		s := load100(t, "broadcast")
		s.Beside, s.Rounds = []string{"gorilla-hub"}, 3
		s.Publish = scenario.Publish{Rate: 5000, Burst: 5000, Bytes: 4000}
		res := short(t, s, nil)
		expectRefusal(t, res, result.Lossy)
	})
	t.Run("a floor that moved", func(t *testing.T) {
		s := load100(t, "broadcast")
		s.Rounds, s.Publish.Rate = 6, 50
		res := short(t, s, func(c *Config) {
			c.Provoke = func(slice int, r *Rig) {
				if slice == 10 { // the warm-up and half of the rest
					if err := syscall.Kill(r.Floor(), syscall.SIGUSR1); err != nil {
						t.Error(err)
					}
				}
			}
		})
		expectRefusal(t, res, result.FloorMoved)
	})
	t.Run("stalled clients with room", func(t *testing.T) {
		s := load100(t, "stalled")
		for i := range s.Lanes {
			if s.Lanes[i].Stalled > 0 {
				s.Lanes[i].Stalled = 0.1
			}
		}
		res := short(t, s, func(c *Config) { c.Fill = time.Nanosecond })
		expectRefusal(t, res, result.NotStalled)
	})
}
