package model

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// What more shards take is told with how many loads it comes of, and each of them is predicted by the others.
func TestDoubling(t *testing.T) {
	v := fitted(t, 0.02).Find(scenario.Multi)
	d := v.Doubling
	if d.Low > d.Ratio || d.High < d.Ratio || d.Low == d.High {
		t.Errorf("%+v", d)
	}
	several := 0
	for _, p := range v.Points {
		if _, tried := p.Error(); !tried {
			t.Errorf("%s, %d shards: not predicted", p.Describe(), p.Shards)
		}
		if p.Shards > 1 {
			several++
		}
	}
	if several != 4 {
		t.Errorf("%d points of several shards", several)
	}
	// One load alone tells neither a walk's cost nor how far it is off.
	all := measured(0)
	last := all[len(all)-1]
	last.Lanes = slices.DeleteFunc(last.Lanes, func(l result.Lane) bool { return !strings.HasSuffix(l.Name, "/all") })
	for i := range last.Lanes {
		if last.Lanes[i].Shards == 2 {
			for k := range last.Lanes[i].Slices {
				last.Lanes[i].Slices[k].CPUMicros *= 0.8 // cheaper than one shard
			}
		}
	}
	m, _, err := Fit(all, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v = m.Find(scenario.Multi)
	if d := v.Doubling; d.Loads != 1 || d.Walk || v.Costs.Walk != 0 || d.Ratio > 0.9 {
		t.Errorf("of one load %+v, a walk %g", d, v.Costs.Walk)
	}
	if v.perDoubling() != 1 {
		t.Errorf("predictions take %g", v.perDoubling())
	}
	for _, p := range v.Points {
		if _, tried := p.Error(); tried != (p.Shards == 1) {
			t.Errorf("%s, %d shards: predicted %v", p.Describe(), p.Shards, tried)
		}
	}
	if v.Error.Shards != nil {
		t.Errorf("of one load on two shards the error is %+v", v.Error.Shards)
	}
}

// A prediction of nothing at all is the largest error there is, and no missing one.
func TestHeldOutOfNothing(t *testing.T) {
	nothing := 0.0
	if off, tried := (Point{CPU: 10, HeldOut: &nothing}).Error(); off != -1 || !tried {
		t.Errorf("off by %g, tried %v", off, tried)
	}
	if _, tried := (Point{CPU: 10}).Error(); tried {
		t.Error("tried without a prediction")
	}
	// Loads that only records explain: a fit without the one that has some predicts nothing of it.
	all := []Point{{Shards: 1, CPU: 5000, Load: Load{Connections: 10, Records: 1000, Burst: 1}}}
	for i := range 7 {
		all = append(all, Point{Shards: 1, CPU: 1e-3, Load: Load{Connections: float64(100 * (1 + i)), FanOut: 1, Burst: 1}})
	}
	v, err := fitVariant(scenario.Single, all)
	if err != nil {
		t.Fatal(err)
	}
	if v.Error.Loads != 8 || v.Error.Max < 0.99 {
		t.Errorf("%+v", v.Error)
	}
}

// Of noisy figures the error that is told is about the noise, and not that of the points it was fitted to, which is less.
func TestErrorIsHonest(t *testing.T) {
	const noise = 0.05
	m := fitted(t, noise)
	for name, costs := range map[string]Costs{scenario.Single: singleCosts, scenario.Multi: multiCosts} {
		v := m.Find(name)
		fit, held := 0.0, 0.0
		for _, p := range v.Points {
			fit += math.Abs(p.Fitted/p.CPU-1) / float64(len(v.Points))
			off, tried := p.Error()
			if !tried {
				t.Errorf("%s was not predicted", p.Describe())
			}
			held += math.Abs(off) / float64(len(v.Points))
		}
		if v.Error.Median < noise/3 || v.Error.Median > 3*noise || v.Error.Max < v.Error.Median || v.Error.Max > 1 {
			t.Errorf("%s: with noise of %g the error is %+v", name, noise, v.Error)
		}
		if held <= fit {
			t.Errorf("%s: predictions are off by %g, the points that were fitted by %g: what was left out must be harder", name, held, fit)
		}
		// A prediction of what was never measured is as good as is told.
		l := Load{8000, 5, 8000, 1, 104}
		want := costs.of(l.features(trueFetch, 1)) * m.Floor / 4
		if off := math.Abs(v.cpu(l, 1)/want - 1); off > v.Error.Max {
			t.Errorf("%s: %s is predicted %g off, told is %g at most", name, l, off, v.Error.Max)
		}
	}
}

// What several shards take is tested by fits that have a walk as the one that is kept has: leaving one load of four out.
func TestSeveralShardsHeldOut(t *testing.T) {
	v := fitted(t, 0).Find(scenario.Multi)
	if off := v.Error.Shards; off == nil || off.Loads != 4 || off.Max > 0.02 {
		t.Errorf("exact figures of four loads, a walk of %g: the error is %+v", v.Costs.Walk, off)
	}
	if v.Error.Loads != 22 {
		t.Errorf("on one shard %d loads", v.Error.Loads)
	}
	if off := fitted(t, 0).Find(scenario.Single).Error.Shards; off != nil {
		t.Errorf("ws-single has no shards: %+v", off)
	}
	// Three loads give a walk, and two do not: then nothing that was left out is a test of the walk.
	all := measured(0)
	last := all[len(all)-1]
	last.Lanes = slices.DeleteFunc(last.Lanes, func(l result.Lane) bool { return strings.HasSuffix(l.Name, "/one-slow") })
	m, _, err := Fit(all, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if v := m.Find(scenario.Multi); !v.Doubling.Walk || v.Error.Shards != nil {
		t.Errorf("of three loads %+v, error %+v", v.Doubling, v.Error.Shards)
	}
}

// A load that was measured ten times is one load.
func TestErrorLoadByLoad(t *testing.T) {
	point := func(connections, off float64) Point {
		held := 100 * (1 + off)
		return Point{Shards: 1, CPU: 100, HeldOut: &held, Load: Load{Connections: connections, Records: 1, FanOut: connections, Burst: 1}}
	}
	all := []Point{point(1000, 0.2), point(4000, -0.4)}
	for range 9 {
		all = append(all, point(100, 0.01), point(103, -0.03))
	}
	off := offOf(all)
	if off.Loads != 3 || math.Abs(off.Median-0.2) > 1e-9 || math.Abs(off.Max-0.4) > 1e-9 {
		t.Errorf("%+v", off)
	}
	if off := offOf(all[:2]); off.Loads != 2 || math.Abs(off.Median-0.3) > 1e-9 {
		t.Errorf("of two loads %+v", off)
	}
	if off := offOf([]Point{{CPU: 1, Shards: 1}}); off != nil {
		t.Errorf("of none that was tried %+v", off)
	}
}

// A machine on which much costs more with many connections shows in what a fit to the smaller loads says of the largest, and
// not only as one load among others.
func TestBeyond(t *testing.T) {
	for _, name := range scenario.Variants() {
		b := fitted(t, 0).Find(name).Error.Beyond
		if b == nil || b.From != 4000 || b.To != 12_000 || b.Loads != 8 || b.Median > 0.02 {
			t.Errorf("%s, exact figures: %+v", name, b)
		}
	}
	all := measured(0)
	for i := range all[2].Lanes { // 12,000 connections
		for k := range all[2].Lanes[i].Slices {
			all[2].Lanes[i].Slices[k].CPUMicros *= 1.5
		}
	}
	m, _, err := Fit(all, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if b := m.Find(scenario.Single).Error.Beyond; math.Abs(b.Median-1./3) > 0.02 {
		t.Errorf("the largest loads take half as much again: %+v", b)
	}
	// Without those of the one size that has records nothing is left to fit to.
	m, _, err = Fit(slices.Delete(measured(0), 1, 3), time.Now())
	if err != nil || m.Find(scenario.Single).Error.Beyond != nil {
		t.Errorf("of one size, %v: %+v", err, m.Find(scenario.Single).Error.Beyond)
	}
}
