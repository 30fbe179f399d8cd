package rollout

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is a site in little, for what would take hours in a real one: clients that stay for days, a leastconn that counts
// only the tunnels since its last reload, gauges a second old, and clients that take a moment to come back. It lives in a
// synctest bubble: its goroutine ticks by fake time.
type world struct {
	t     *testing.T
	plan  *Plan
	began time.Time

	mu        sync.Mutex // guards what follows
	live      Count      // tunnels
	hidden    Count      // of them, those that HAProxy does not count
	gauge     Count      // live, up to a second ago
	weights   map[string]int
	pid       int
	closing   []float64 // dues of closes, in seconds since began; whose is in from
	from      []Which
	returning []float64 // dues of arrivals
	churn     float64   // share of clients that leave and come back, a second
	down      [2]bool
	noProm    bool
	figures   Figures
	weightErr error
	mayErr    error
	room      int  // connections that the challenger takes; 0: all
	lost      bool // whoever leaves does not come back

	refused     int // arrivals nobody took; they try again
	biggestShed int
	sheds       []shedAt
}

type shedAt struct {
	at   float64
	n    int
	rate float64
}

func newWorld(t *testing.T, incumbent, challenger int) *world {
	t.Helper()
	side := func(name string) Side {
		return Side{Name: name, Metrics: "x", Instances: []Instance{{Server: "ws/" + name, Admin: "http://x"}}}
	}
	w := &world{
		t: t, began: time.Now(), live: Count{incumbent, challenger}, pid: 100,
		weights: map[string]int{"ws/a": 100, "ws/b": 0},
		figures: Figures{known: 1, otherKnown: 1, Rejections: 0, Restarts: 0, P99: 0.003, OtherP99: 0.003},
		plan:    &Plan{Incumbent: side("a"), Challenger: side("b"), HAProxy: "/x", Prometheus: "http://x", Limits: "x", Pace: 20, Tolerance: 1},
	}
	w.gauge = w.live
	return w
}

func (w *world) seconds() float64 { return time.Since(w.began).Seconds() }

// run lets the world go on until ctx ends.
func (w *world) run(ctx context.Context) {
	for tick := 1; ctx.Err() == nil; tick++ {
		time.Sleep(100 * time.Millisecond)
		w.mu.Lock()
		now := w.seconds()
		for i := 0; i < len(w.closing); i++ {
			if w.closing[i] <= now {
				w.leave(w.from[i])
				w.closing, w.from = slices.Delete(w.closing, i, i+1), slices.Delete(w.from, i, i+1)
				i--
			}
		}
		for _, side := range []Which{Incumbent, Challenger} {
			expected := w.churn / 10 * float64(w.live[side])
			for n := int(expected + rand.Float64()); n > 0; n-- {
				w.leave(side)
			}
		}
		var later []float64
		for _, due := range w.returning {
			if due > now || !w.arrive() {
				later = append(later, max(due, now+0.1))
			}
		}
		w.returning = later
		if tick%10 == 0 {
			w.gauge = w.live
		}
		w.mu.Unlock()
	}
}

func (w *world) leave(from Which) {
	if w.live[from] == 0 {
		return
	}
	// Which of a side's clients goes is chance: one that HAProxy counts, or one of before.
	if rand.IntN(w.live[from]) < w.hidden[from] {
		w.hidden[from]--
	}
	w.live[from]--
	if w.lost {
		return
	}
	w.returning = append(w.returning, w.seconds()+rand.Float64())
}

// arrive is leastconn: the fewest connections for the weight, of those that HAProxy counts.
func (w *world) arrive() bool {
	best, lowest := Which(-1), math.Inf(1)
	for _, side := range []Which{Incumbent, Challenger} {
		weight := w.weights[w.plan.Side(side).Instances[0].Server]
		if weight == 0 || w.down[side] || side == Challenger && w.room > 0 && w.live[side] >= w.room {
			continue
		}
		key := 0.0 // of one that has none, whatever its weight
		if known := w.live[side] - w.hidden[side]; known > 0 {
			key = float64(known+1) / float64(weight)
		}
		if key < lowest {
			best, lowest = side, key
		}
	}
	if best < 0 {
		w.refused++
		return false
	}
	w.live[best]++
	return true
}

// do changes the world between two of its moments.
func (w *world) do(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) reload() {
	w.hidden, w.pid = w.live, w.pid+1
	w.weights = map[string]int{"ws/a": 100, "ws/b": 0}
}

func (w *world) kill(side Which) {
	w.down[side] = true
	for w.live[side] > 0 {
		w.leave(side)
	}
	w.hidden[side] = 0
}

func (w *world) Look(context.Context) Sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Sight{Live: w.gauge, PID: w.pid, Weights: maps.Clone(w.weights)}
	for _, side := range []Which{Incumbent, Challenger} {
		s.Known[side] = w.live[side] - w.hidden[side]
		s.Read[side], s.Takes[side] = !w.down[side], !w.down[side]
		if w.down[side] {
			s.Live[side], s.Why[side] = 0, "it is down"
		}
	}
	return s
}

func (w *world) May(context.Context) error { return w.mayErr }

func (w *world) SetWeight(_ context.Context, server string, weight int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.weightErr == nil {
		w.weights[server] = weight
	}
	return w.weightErr
}

func (w *world) Shed(_ context.Context, from Which, n int, rate float64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down[from] {
		return 0, errors.New("it is down")
	}
	n = min(n, w.live[from])
	now := w.seconds()
	w.biggestShed = max(w.biggestShed, n)
	w.sheds = append(w.sheds, shedAt{now, n, rate})
	for i := range n {
		w.closing, w.from = append(w.closing, now+float64(i+1)/rate), append(w.from, from)
	}
	return n, nil
}

func (w *world) Figures(context.Context, time.Duration) (Figures, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.noProm {
		return nil, errors.New("connection refused")
	}
	return maps.Clone(w.figures), nil
}

// rollout runs the plan in the world, in the caller's bubble. on gets each event.
func (w *world) rollout(ctx context.Context, state string, resume bool, on func(Event)) error {
	w.t.Helper()
	store, err := OpenStore(state)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	limits := Limits{Window: time.Minute, Gaps: 0.001, SlowCloses: 0.001, Rejections: 0.01, P99: 2.5, P99IgnoredBelow: 50 * time.Millisecond}
	return Run(ctx, Options{Plan: w.plan, Limits: limits, Site: w, Store: store, StateFile: state, Resume: resume, Tell: func(e Event) error {
		if on != nil {
			on(e)
		}
		return nil
	}})
}

// inWorld runs test in a bubble, with a world that goes on while it runs.
func inWorld(t *testing.T, incumbent, challenger int, test func(t *testing.T, w *world, state string)) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, incumbent, challenger)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.run(ctx) }()
		test(t, w, state)
		end()
		<-done
	})
}
