package main

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestTheBoardReadsEachServer(t *testing.T) {
	fs, _ := testFleets(t, "one", "other")
	if err := fs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := newBoard(fs)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		b.run(ctx)
		close(ended)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	// The second reading is the first that has rates.
	known := awaitFigures(t, b, func(all []figures) bool { return len(all) == 2 && all[0].P99MS != nil && all[1].P99MS != nil })
	for i, f := range known {
		if f.Name != fs[i].name || f.Server != 1 || f.Architecture != "pretended" || f.Version != "v9" || f.Connections != 3 {
			t.Errorf("%+v", f)
		}
		// The counter rises with each reading, a second apart more or less.
		if f.Deliveries < 1 || f.Deliveries > 1000 || f.Memory < 1<<20 || f.Cores < 0 || f.Cores > 4 {
			t.Errorf("%+v, want about 100 deliveries/s, some memory and some CPU", f)
		}
		if math.Abs(*f.P99MS-1.5) > 0.01 {
			t.Errorf("p99 is %v ms, want 1.5: half-way in the bucket that the last two of each hundred are in", *f.P99MS)
		}
	}
	if err := fs.find("other").Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	known = awaitFigures(t, b, func(all []figures) bool { return all[1].Server == 2 })
	if f := known[1]; f.Deliveries != 0 || f.P99MS != nil {
		t.Errorf("%+v, want no rates yet of a new instance", f)
	}
}

func awaitFigures(t *testing.T, b *board, done func([]figures) bool) (all []figures) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/servers", nil))
		if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		if done(all) {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("the board is still %+v", all)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name   string
		counts []bucket
		q      float64
		want   float64
		ok     bool
	}{
		{"nothing", nil, 0.5, 0, false},
		{"no samples", []bucket{{1, 0}, {inf, 0}}, 0.5, 0, false},
		{"half of the first", []bucket{{1, 10}, {2, 10}, {inf, 10}}, 0.5, 0.5, true},
		{"in the second", []bucket{{1, 10}, {2, 20}, {inf, 20}}, 0.75, 1.5, true},
		{"over an empty one", []bucket{{1, 10}, {2, 10}, {4, 20}, {inf, 20}}, 0.75, 3, true},
		{"above all bounds", []bucket{{1, 10}, {2, 10}, {inf, 20}}, 0.99, 2, true},
	} {
		if got, ok := quantile(c.counts, c.q); ok != c.ok || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	if got := since([]bucket{{1, 5}, {inf, 9}}, []bucket{{1, 2}, {inf, 4}}); got[0] != (bucket{1, 3}) || got[1] != (bucket{inf, 5}) {
		t.Errorf("between two readings: %v", got)
	}
}
