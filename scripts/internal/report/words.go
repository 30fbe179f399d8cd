package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// who says what each server is, to somebody who never heard of it.
var who = map[string]string{
	"ws-single":   "this project's server: one core, one event loop, no goroutine a connection",
	"ws-multi":    "this project's server for many cores: one event loop a shard",
	"floor":       "no server at all: one prepared frame and one send(2) a connection. What the kernel asks for is the least a delivery can cost",
	"gorilla-hub": "the hub that everybody writes first: gorilla/websocket, two goroutines and a channel a connection",
	"centrifuge":  "github.com/centrifugal/centrifuge, the engine of Centrifugo, with its JSON protocol: what one would pick instead",
	"reader":      "a bare Kafka consumer without any WebSocket: what reading the records costs by itself",
}

// title of a result, for headings.
func title(r *result.Result) string {
	switch {
	case r.Scenario.Title != "":
		return r.Scenario.Title
	case r.Scenario.Name != "":
		return r.Scenario.Name
	}
	return "Unnamed scenario"
}

// titles of results that are shown together: those of one scenario say what tells them apart.
func titles(results []*result.Result) []string {
	seen := map[string]int{}
	for _, r := range results {
		if r.Capacity == nil {
			seen[title(r)]++
		}
	}
	all := make([]string, len(results))
	for i, r := range results {
		all[i] = title(r)
		if r.Capacity != nil {
			all[i] += ": the highest rate"
			continue
		}
		if seen[all[i]] > 1 {
			all[i] += ": " + plural(r.Scenario.Connections, "connection", "connections")
			if differ(results, r) {
				all[i] += " to " + list(r.Servers)
			}
		}
	}
	return all
}

// differ says whether a result of the same load has other servers.
func differ(results []*result.Result, r *result.Result) bool {
	return slices.ContainsFunc(results, func(o *result.Result) bool {
		return o.Capacity == nil && title(o) == title(r) && o.Scenario.Connections == r.Scenario.Connections && !slices.Equal(o.Servers, r.Servers)
	})
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// about says what a limit is about, in the result's words or, where it has none, in ours.
func about(j result.Judgement) string {
	if j.Text != "" {
		return strings.ReplaceAll(j.Text, " us ", " µs ")
	}
	s := map[string]string{
		scenario.CPU:       "CPU per delivery",
		scenario.CPURecord: "CPU per record",
		scenario.P99:       "p99 latency",
		scenario.Last:      "last subscriber's p99",
		scenario.RSS:       "memory per connection",
		scenario.IdleCPU:   "idle CPU per connection",
		scenario.Allocs:    "allocations per delivery",
		scenario.CaughtUp:  "time to catch up",
		scenario.Sockets:   "kernel memory per connection",
		scenario.Goroutine: "goroutines",
	}[j.Measure]
	if s == "" {
		s = j.Measure
	}
	if j.Of != "" {
		s = j.Of + ": " + s
	}
	if j.Over != "" {
		s += " over " + j.Over + "'s"
	}
	if j.Less != "" {
		s += " less " + j.Less + "'s"
	}
	return s
}

// valueOf writes a judgement's value and interval.
func valueOf(j result.Judgement) string {
	if j.Pairs == 0 && j.Value == 0 {
		return none
	}
	s := in(j.Value, j.Unit)
	if j.Low != j.High && finite(j.Low) && finite(j.High) {
		s += " (" + sparing(in(j.Low, j.Unit), s) + " to " + sparing(in(j.High, j.Unit), s) + ")"
	}
	if j.Floor > 0 {
		s += "; the floor itself " + sparing(in(j.Floor, j.Unit), s)
	}
	return s
}

// sparing leaves the unit out of a figure beside another that has the same.
func sparing(figure, beside string) string {
	if unit := strings.TrimLeft(beside, "−0123456789.,"); unit != "" {
		return strings.TrimSuffix(figure, unit)
	}
	return figure
}

// load says in words what a scenario does to a server.
func load(s scenario.Scenario) string {
	var parts []string
	if s.Connections > 0 {
		parts = append(parts, plural(s.Connections, "connection", "connections")+holding(s))
	}
	if s.Kind == scenario.Deliver && len(s.Steps) > 0 {
		parts = append(parts, "memory read at "+list(counts(s.Steps)))
	}
	switch s.Kind {
	case scenario.Idle:
		if len(s.Steps) > 1 {
			parts = append(parts, "memory read at "+list(counts(s.Steps)))
		}
		if s.Rest > 0 {
			parts = append(parts, "then left alone for "+seconds(time.Duration(s.Rest).Seconds()))
		}
	case scenario.Storm:
		parts = append(parts, fmt.Sprintf("all cut %s, %s missed by each", plural(s.Rounds, "time", "times"), plural(s.Missed, "record", "records")))
	default:
		if s.Publish.Rate > 0 {
			parts = append(parts, published(s.Publish))
		}
		if n := s.Resuming(); n > 0 {
			parts = append(parts, fmt.Sprintf("%s that resume, with %s missed by each", plural(n, "other", "others"), plural(s.Missed, "record", "records")))
		}
		if s.Rounds > 0 && s.Slice > 0 {
			parts = append(parts, fmt.Sprintf("%s of %s for each server", plural(s.Rounds, "slice", "slices"), seconds(time.Duration(s.Slice).Seconds())))
		}
	}
	return strings.Join(parts, "; ")
}

func counts(numbers []int) []string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = count(n)
	}
	return words
}

func holding(s scenario.Scenario) string {
	switch {
	case s.Subscribe.None:
		return " on channels nobody publishes to"
	case s.Channels == 1:
		return " to one channel"
	case len(s.Subscribe.FanOuts) > 0:
		return fmt.Sprintf(", each to a channel of each of %s", plural(len(s.Subscribe.FanOuts), "kind", "kinds"))
	case s.Channels > 1 && s.Subscribe.Each > 0:
		h := fmt.Sprintf(", each to %s of %s channels", count(s.Subscribe.Each), count(s.Channels))
		if s.Subscribe.Zipf > 0 {
			h += " (Zipf " + exact(s.Subscribe.Zipf) + ")"
		}
		return h
	}
	return ""
}

func published(p scenario.Publish) string {
	s := exact(p.Rate) + " records/s"
	if p.Bytes > 0 {
		s += " of " + plural(p.Bytes, "byte", "bytes")
	}
	if p.Burst > 1 {
		s += ", " + count(p.Burst) + " at once"
	}
	if p.Zipf > 0 {
		s += ", channels by Zipf " + exact(p.Zipf)
	}
	return s
}

// command is how the run was called, to be pasted into a shell. The program's own path means nothing elsewhere.
func command(r *result.Result) string {
	if len(r.Command) == 0 {
		return ""
	}
	parts := make([]string, len(r.Command))
	for i, arg := range r.Command {
		if i == 0 && filepath.Base(arg) == "bench" {
			arg = "scripts/bench"
		}
		parts[i] = quoted(arg)
	}
	return strings.Join(parts, " ")
}

// quoted is arg as one word of a shell.
func quoted(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,@%+", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
