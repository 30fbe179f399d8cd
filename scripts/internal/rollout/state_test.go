package rollout

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestStoreIsOnes(t *testing.T) {
	path := t.TempDir() + "/state"
	a, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(path); err == nil || !strings.Contains(err.Error(), "another rollout runs with the state file") {
		t.Errorf("got %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	want := State{Plan: "x", Phase: Back, Step: 3, Target: 0.3, Weights: &Weights{3, 4}, Why: "because"}
	if err := b.Write(&want); err != nil {
		t.Fatal(err)
	}
	got, err := b.Read()
	if err != nil || got.Phase != Back || got.Step != 3 || *got.Weights != (Weights{3, 4}) || got.Why != "because" {
		t.Errorf("got %+v, %v", got, err)
	}
	entries, err := os.ReadDir(strings.TrimSuffix(path, "/state"))
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A rollout that dies on its way back goes on with that, and says why it went back.
func TestDiesOnTheWayBack(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(2*time.Minute, 10, 50)
		ctx, die := context.WithCancel(t.Context())
		err := w.rollout(ctx, state, false, func(e Event) {
			switch {
			case e.Kind == Reached && e.Target == 0.5:
				w.do(func() { w.figures[SlowCloses] = 0.2 })
			case e.Kind == Shedding && e.Phase == Back:
				w.do(func() { w.figures[SlowCloses], w.weightErr = 0, errors.New("dead") })
				die()
			}
		})
		if !errors.Is(err, ErrStopped) {
			t.Fatalf("got %v", err)
		}
		w.do(func() { w.weightErr = nil; w.reload() })
		err = w.rollout(t.Context(), state, true, nil)
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "halted at 10 % for b: b is worse than the limits: slow closes 20 %") {
			t.Errorf("resumed: %v", err)
		}
		w.do(func() {
			if math.Abs(w.live.Share()-0.1) > 0.02 {
				t.Errorf("it ended at %v", w.live)
			}
			paced(t, w)
		})
	})
}

// With all clients on the challenger its p99 is held to the last that is known of the other, also after a crash.
func TestOtherP99IsKept(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(2*time.Minute, 50, 100)
		w.do(func() { w.figures[OtherP99] = 0.06 })
		ctx, stop := context.WithCancel(t.Context())
		err := w.rollout(ctx, state, false, func(e Event) {
			if e.Kind == Reached && e.Target == 1 {
				w.do(func() { w.figures[OtherP99] = math.NaN() })
				stop()
			}
		})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		w.do(func() { w.figures[P99] = 0.2 })
		err = w.rollout(t.Context(), state, true, nil)
		if !errors.Is(err, ErrHalted) || !strings.Contains(err.Error(), "p99 200 ms (3.33 times 60 ms)") {
			t.Errorf("got %v", err)
		}
	})
}

// A rollout that stood still, as after Ctrl-Z, has not watched meanwhile.
func TestStoodStill(t *testing.T) {
	inWorld(t, 1000, 0, func(t *testing.T, w *world, state string) {
		w.plan.Steps = steps(5*time.Minute, 10)
		looks := 0
		var reached, held time.Time
		err := w.rollout(t.Context(), state, false, func(e Event) {
			switch e.Kind {
			case Reached:
				reached = e.At
			case Held:
				held = e.At
			case Looked:
				if looks++; looks == 100 {
					time.Sleep(time.Hour)
				}
			}
		})
		if took := held.Sub(reached); err != nil || took < time.Hour+5*time.Minute-longestLook-2*time.Second {
			t.Errorf("%v; the step was held for %v, of which it stood still for an hour", err, took)
		}
	})
}
