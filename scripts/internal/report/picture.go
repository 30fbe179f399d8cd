package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// errNothing says that a picture would be empty.
var errNothing = errors.New("the results have no figures for this picture")

// The kinds of pictures.
const (
	Limits   = "limits"   // each judged figure as a share of its limit, of all results
	Cost     = "cost"     // CPU a delivery, slice by slice
	Latency  = "latency"  // by percentile
	Memory   = "memory"   // against connections, of one run with several steps
	Scaling  = "scaling"  // CPU a delivery against connections, of several runs
	Storms   = "storms"   // seconds until all are back
	Capacity = "capacity" // rates that were tried for the highest that holds
	Timeline = "timeline" // the run from its start to its end
)

// A kind of picture draws one result, or all of them together.
type kind struct {
	name    string
	title   string
	caption func([]*result.Result) string
	one     func(*result.Result, format) ([]byte, error)
	all     func([]*result.Result, format) ([]byte, error)
	split   func([]*result.Result) [][]*result.Result // which of them belong together; nil: all
}

var kinds = []kind{
	{name: Limits, title: "Judged figures, as shares of their limits", caption: says(
		"Each figure with its 95% interval as a share of its limit, so that all of them fit on one axis: less is better, and what is in the red is worse " +
			"than allowed. The short gray line is the stretch goal."), all: limits},
	{name: Cost, title: "What one delivery costs", caption: costCaption, one: cost},
	{name: Latency, title: "How late messages are", caption: says(
		"Read it so: at 99%, ninety-nine of a hundred messages took as long as the line is high, or less. Each further nine has the same room, which shows the " +
			"few that were late. Lower is better; both axes are logarithmic."), one: latency},
	{name: Memory, title: "Memory against connections", caption: says(
		"Read when all connections rest and the collector has run. What counts is how steep a line is: what the process takes anyway is not a connection's."), one: memory},
	{name: Scaling, title: "Cost against connections", caption: says(
		"Several runs of one scenario. A server whose line is level pays the same for a delivery however many clients there are."), all: scaling, split: families},
	{name: Storms, title: "Back after all connections were cut", caption: says(
		"Each line is one cut: it ends when the last client had everything that it missed."), one: storms},
	{name: Capacity, title: "The highest rate that holds", caption: says(
		"The search raises the rate until p99 is above its bound, then halves the distance; the rate that it found must hold several times in a row. Where the broker or the generator came to its end first, the capacity is at least what is stated."), one: capacity},
	{name: Timeline, title: "The run", caption: says(
		"Everything from the start to the end of the run; the color says whose turn it was."), one: timeline},
}

func says(s string) func([]*result.Result) string {
	return func([]*result.Result) string { return s }
}

// costCaption says what the dots are.
func costCaption(results []*result.Result) string {
	b := basisOf(results[0])
	return "CPU time of the whole server process, user and system, for each " + b.unit + ". A pale dot is one slice, the dark one their mean, with its 95% interval. " +
		"Less is better."
}

func isNothing(err error) bool { return errors.Is(err, errNothing) }

// Kinds returns the names that Picture takes.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// Picture draws one picture as an SVG file, which follows the reader's light or dark scheme. Kinds that show one run show
// the first of the results that has figures for it; the file is empty where none has. The error of an unknown kind names
// those there are.
func Picture(name string, results []*result.Result) ([]byte, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return nil, fmt.Errorf("no picture is called %q: there are %s", name, strings.Join(Kinds(), ", "))
	}
	for _, together := range kinds[i].parts(present(results)) {
		svg, err := kinds[i].draw(together, file)
		if errors.Is(err, errNothing) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", name, err)
		}
		return svg, nil
	}
	return nil, nil
}

// parts returns the results of which each picture of this kind is made.
func (k kind) parts(results []*result.Result) [][]*result.Result {
	switch {
	case k.split != nil:
		return k.split(results)
	case k.all != nil:
		return [][]*result.Result{results}
	}
	parts := make([][]*result.Result, len(results))
	for i := range results {
		parts[i] = results[i : i+1]
	}
	return parts
}

// draw draws results that parts returned.
func (k kind) draw(together []*result.Result, f format) ([]byte, error) {
	f.title = k.title
	if k.name == Cost && basisOf(together[0]).unit == aRecord.unit {
		f.title = "What one record costs"
	}
	if len(together) == 1 || k.split != nil {
		f.title += ": " + title(together[0])
	}
	if k.one != nil {
		return k.one(together[0], f)
	}
	return k.all(together, f)
}
