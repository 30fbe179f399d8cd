package rollout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func steps(hold time.Duration, shares ...int) (all []Step) {
	for _, s := range shares {
		all = append(all, Step{s, Hold(hold)})
	}
	return all
}

// isHeld checks, at the end of a step's hold, the tunnels that there are in truth.
func isHeld(t *testing.T, w *world, e Event) {
	t.Helper()
	w.do(func() {
		if got := w.live.Share(); math.Abs(got-e.Target) > 0.02 {
			t.Errorf("step %d was held at %.3f, want %.2f", e.Step, got, e.Target)
		}
	})
}

// paced checks that no more was asked for than the pace allows, and never more at once than lasts batchTime.
func paced(t *testing.T, w *world) {
	t.Helper()
	var free float64
	for _, s := range w.sheds {
		if s.at < free-0.001 {
			t.Errorf("at %.1f s %d more were asked for while those before were due until %.1f s", s.at, s.n, free)
		}
		free = s.at + float64(s.n)/s.rate
		if s.rate > w.plan.Pace || float64(s.n) > w.plan.Pace*batchTime.Seconds() {
			t.Errorf("at %.1f s %d were asked for, %.1f a second", s.at, s.n, s.rate)
		}
	}
}

// Each step's share comes true, at the pace, also while clients come and go, HAProxy is reloaded now and then, and the rollout
// dies and is resumed.
func TestProgressive(t *testing.T) {
	for _, c := range []struct {
		name     string
		churn    float64
		reloads  bool
		crashes  bool
		clients  int
		patience time.Duration
	}{
		{name: "clients that stay", clients: 2000},
		{name: "few clients", clients: 7},
		{name: "clients that come and go", clients: 2000, churn: 0.002},
		{name: "reloads", clients: 2000, churn: 0.0005, reloads: true},
		{name: "crashes", clients: 1000, churn: 0.0005, crashes: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, c.clients, 0, func(t *testing.T, w *world, state string) {
				w.plan.Steps = steps(5*time.Minute, 0, 10, 30, 50, 80, 100)
				w.churn = c.churn
				held := map[int]bool{}
				for resume := false; ; resume = true {
					ctx, stop := context.WithCancel(t.Context())
					lives := rand.IntN(400)
					err := w.rollout(ctx, state, resume, func(e Event) {
						switch e.Kind {
						case Held:
							held[e.Step] = true
							if c.clients > 100 {
								isHeld(t, w, e)
							}
						case Looked:
							if c.reloads && rand.IntN(100) == 0 {
								w.do(w.reload)
							}
							if lives--; c.crashes && lives == 0 {
								// What dies sets no weights any more.
								w.do(func() { w.weightErr = errors.New("dead") })
								stop()
							}
						}
					})
					stop()
					w.do(func() { w.weightErr = nil })
					if err == nil {
						break
					}
					if !c.crashes || !errors.Is(err, ErrStopped) {
						t.Fatal(err)
					}
					time.Sleep(time.Duration(rand.IntN(20)) * time.Second)
				}
				w.do(func() {
					if len(held) != 6 || w.live[Incumbent] > 0 && c.churn == 0 || w.refused > 0 {
						t.Errorf("held %v; at the end %v, %d refused", held, w.live, w.refused)
					}
					paced(t, w)
					if c.churn == 0 && c.clients == 2000 && len(w.sheds) > 2000/100+12 {
						t.Errorf("%d requests to move 2000 clients in batches of 100", len(w.sheds))
					}
				})
			})
		})
	}
}

// A challenger that gets worse than a limit is taken back one step, and the state says so. Resumed, it tries again.
func TestHalts(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(2*time.Minute, 0, 10, 30, 50)
		var halting Event
		err := w.rollout(t.Context(), state, false, func(e Event) {
			switch {
			case e.Kind == Reached && e.Target == 0.3:
				w.do(func() { w.figures[Rejections] = 0.12 })
			case e.Kind == Halting:
				halting = e
			}
		})
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "halted at 10 % for b: b is worse than the limits: rejections 12 %, the limit is 1 %") {
			t.Errorf("got %v", err)
		}
		w.do(func() {
			if math.Abs(w.live.Share()-0.1) > 0.02 || halting.Figures[Rejections] != 0.12 || w.weights["ws/a"] != 252 || w.weights["ws/b"] != 28 {
				t.Errorf("it ended at %v with %v; %v", w.live, w.weights, halting)
			}
			paced(t, w)
			w.figures[Rejections] = 0
		})
		var first Event
		if err := w.rollout(t.Context(), state, true, func(e Event) {
			if e.Kind == Reached && first.Kind == "" {
				first = e
			}
		}); err != nil || first.Target != 0.1 {
			t.Errorf("resumed: %v, first at %v", err, first.Target)
		}
	})
}

// A challenger that is gone takes no clients, and none is sent to it.
func TestChallengerDies(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(2*time.Minute, 10, 50)
		before := 0
		err := w.rollout(t.Context(), state, false, func(e Event) {
			if e.Kind == Reached && e.Target == 0.5 {
				w.do(func() { w.kill(Challenger); before = len(w.sheds) })
			}
		})
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "halted at 10 % for b: b is worse than the limits: it has taken no clients for 10s: it is down") {
			t.Errorf("got %v", err)
		}
		w.do(func() {
			if len(w.sheds) != before {
				t.Errorf("clients were sent away to where nobody is: %v", w.sheds[before:])
			}
		})
	})
}

// Where the other side has no room, clients are not sent away for ever.
func TestStuck(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(2*time.Minute, 10, 50)
		w.room = 200
		err := w.rollout(t.Context(), state, false, nil)
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "halted at 50 % for b: clients that a sends away come back to it, the share stays at 20 %") {
			t.Errorf("got %v", err)
		}
		w.do(func() {
			if len(w.sheds) > 4+stuckAfter {
				t.Errorf("%d requests: %v", len(w.sheds), w.sheds)
			}
			w.room = 0
		})
		// With room, it goes on where it was.
		if err := w.rollout(t.Context(), state, true, nil); err != nil || math.Abs(w.live.Share()-0.5) > 0.02 {
			t.Errorf("resumed: %v, at %v", err, w.live)
		}
	})
}

// Where those who were sent away do not come back, no more are sent after them.
func TestGone(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(2*time.Minute, 10, 50)
		err := w.rollout(t.Context(), state, false, func(e Event) {
			if e.Kind == Reached {
				w.do(func() { w.lost = true })
			}
		})
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "halted at 50 % for b: of the clients that were sent away 100 have not come back within 1m") {
			t.Errorf("got %v", err)
		}
		w.do(func() {
			if w.live.Total() != 900 {
				t.Errorf("%v are left of 1000", w.live)
			}
		})
	})
}

// While Prometheus cannot be asked, a step does not end and nobody is moved on, and the rollout says why. When it can, it goes on.
func TestBlind(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(time.Minute, 10, 50)
		var seen []string
		var until time.Time // Prometheus cannot be asked
		var moves []time.Time
		blind := func(e Event) {
			w.do(func() { w.noProm = true })
			until = e.At.Add(10 * time.Minute)
		}
		err := w.rollout(t.Context(), state, false, func(e Event) {
			switch {
			case e.Kind == Reached && e.Target == 0.1:
				blind(e)
			case e.Kind == Looked && e.At.After(until):
				w.do(func() { w.noProm = false })
			case e.Kind == Held && e.At.Before(until):
				t.Errorf("the step ended blind, %v before the end of that", until.Sub(e.At))
			case e.Kind == Shedding && e.Target == 0.5:
				if moves = append(moves, e.At); len(moves) == 1 {
					blind(e)
				}
			case e.Kind == Trouble || e.Kind == Cleared:
				seen = append(seen, e.Text)
			}
		})
		late := func(at time.Time) bool { return at.Sub(moves[0]) > time.Minute/4 && at.Before(until) }
		if len(moves) == 0 || moves[len(moves)-1].Before(until) || slices.ContainsFunc(moves, late) {
			t.Errorf("blind until %v, it moved clients at %v", until, moves)
		}
		const once = "Prometheus: connection refused; Prometheus is fine again"
		if got := strings.Join(seen, "; "); err != nil || got != once+"; "+once {
			t.Errorf("%v; it told %q", err, got)
		}
	})
}

// A reload in the middle of a hold, and somebody who sets weights, are noticed and made up for.
func TestWeightsAreKept(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(5*time.Minute, 50)
		w.churn = 0.001
		var told []Kind
		looks := 0
		err := w.rollout(t.Context(), state, false, func(e Event) {
			switch e.Kind {
			case Looked:
				if looks++; looks == 100 {
					w.do(w.reload)
				} else if looks == 200 {
					w.do(func() { w.weights["ws/b"] = 7 })
				}
				if looks == 103 || looks == 203 {
					w.do(func() {
						if w.weights["ws/a"] != w.weights["ws/b"] {
							t.Errorf("at look %d: %v", looks, w.weights)
						}
					})
				}
			case Reloaded, Changed:
				told = append(told, e.Kind)
			}
		})
		if err != nil || fmt.Sprint(told) != "[reloaded changed]" {
			t.Errorf("%v, told %v", err, told)
		}
	})
}

func TestDrainAndTakeBack(t *testing.T) {
	inWorld(t, 400, 600, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(time.Minute, 60)
		drain, err := w.plan.Drain("a")
		if err != nil {
			t.Fatal(err)
		}
		w.plan = drain
		if err := w.rollout(t.Context(), state, false, nil); err != nil || w.live != (Count{0, 1000}) || w.weights["ws/a"] != 0 {
			t.Errorf("%v; %v with %v", err, w.live, w.weights)
		}
		// The side that takes them is the one that is watched.
		if drain, err = w.plan.Drain("b"); err != nil {
			t.Fatal(err)
		}
		w.plan = drain
		err = w.rollout(t.Context(), state, false, func(e Event) {
			w.do(func() {
				if w.live[Incumbent] > 500 {
					w.figures[Gaps] = 0.5
				}
			})
		})
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "a is worse than the limits: gaps 50 %") || w.live[Incumbent] > 20 {
			t.Errorf("%v; %v", err, w.live)
		}
	})
}

// A/B is held until somebody ends it, which is no failure.
func TestForever(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = []Step{{50, Forever}}
		w.churn = 0.001
		ctx, stop := context.WithTimeout(t.Context(), 6*time.Hour)
		defer stop()
		if err := w.rollout(ctx, state, false, nil); err != nil {
			t.Errorf("got %v", err)
		}
		w.do(func() {
			if math.Abs(w.live.Share()-0.5) > 0.02 {
				t.Errorf("after six hours %v", w.live)
			}
		})
		// Stopped again before it got there, it is one.
		ctx, stop = context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := w.rollout(ctx, state, true, nil); !errors.Is(err, ErrStopped) && err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// What cannot begin says why, and touches nothing.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		state string // in the file before
		make  func(*world)
		again bool
		want  string
	}{
		{name: "the challenger is down", make: func(w *world) { w.down[Challenger] = true }, want: "begin: b: it is down"},
		{name: "no token", make: func(w *world) { w.mayErr = errors.New("set WS_ADMIN_TOKEN") }, want: "begin: set WS_ADMIN_TOKEN"},
		{name: "no Prometheus", make: func(w *world) { w.noProm = true }, want: "begin: connection refused"},
		{name: "Prometheus does not scrape it", make: func(w *world) { w.figures[known] = 0 }, want: "Prometheus has scraped 0 of 1 instances of b: is metrics, {x}"},
		{name: "nothing to resume", again: true, want: "there is nothing to resume: no state file"},
		{name: "one is under way", state: `{"phase":"holding","step":1}`, want: "stopped in the middle of step 2"},
		{name: "of another plan", state: `{"phase":"holding","step":1,"plan":"x"}`, again: true, want: "is of another plan"},
		{name: "spoiled", state: `{"phase":`, want: "look at it, then remove it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, 100, 0, func(t *testing.T, w *world, state string) {
				w.plan.Steps = steps(time.Minute, 50)
				if c.state != "" {
					if err := os.WriteFile(state, []byte(c.state), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if c.make != nil {
					w.do(func() { c.make(w) })
				}
				err := w.rollout(t.Context(), state, c.again, nil)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				if len(w.sheds) > 0 || w.weights["ws/a"] != 100 || w.weights["ws/b"] != 0 {
					t.Errorf("it has touched something: %v, %v", w.sheds, w.weights)
				}
			})
		})
	}
}

// One step back is the last step that had less, else what was before, else nothing.
func TestPrevious(t *testing.T) {
	for _, c := range []struct {
		shares []int
		step   int
		before float64
		want   string
	}{
		{[]int{0, 10, 30}, 2, 0, "1 0.1"},
		{[]int{0, 10, 30}, 1, 0, "0 0"},
		{[]int{50}, 0, 0.2, "-1 0.2"},
		{[]int{50}, 0, 0.5, "-1 0"},
		{[]int{30, 50, 50}, 2, 0, "0 0.3"},
		{[]int{80, 50}, 1, 0.1, "-1 0.1"},
		{[]int{0}, 0, 0, "-1 0"},
	} {
		r := &runner{Options: Options{Plan: &Plan{Steps: steps(0, c.shares...)}}, state: &State{Step: c.step, Before: c.before, Target: float64(c.shares[c.step]) / 100}}
		if step, target := r.previous(); fmt.Sprint(step, target) != c.want {
			t.Errorf("%v at step %d, before %v: %d %v, want %s", c.shares, c.step, c.before, step, target, c.want)
		}
	}
}
