package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	mostConnections = 1_000_000
	mostChannels    = 100_000 // their numbers have five digits
	mostRate        = 1_000_000
	mostZipf        = 3

	// A value is {"n":…,"sent":…,"pad":"…"}: what is not padding takes 49 bytes with numbers as large as they get.
	leastBytes = 64
	mostBytes  = 60_000
)

var (
	goalPattern    = regexp.MustCompile(`^G[0-9]+$`)
	laneName       = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	settingPattern = regexp.MustCompile(`^(WS|KAFKA)_[A-Z0-9_]+$`)

	// What bench itself sets.
	ownSettings = []string{"WS_ADDR", "WS_ADMIN_ADDR", "WS_ADMIN_TOKEN", "WS_REUSE_PORT", "KAFKA_BROKERS", "KAFKA_TOPICS"}

	kinds     = []string{Deliver, Idle, Storm}
	baselines = []string{GorillaHub, Centrifuge, Reader}
)

func (s *Scenario) check(f *fields) {
	if strings.TrimSpace(s.Title) == "" {
		f.wrong("title", "is missing: a line that names the load")
	}
	if strings.TrimSpace(s.About) == "" {
		f.wrong("about", "is missing: what the load is like in the real world, and what its figures mean")
	}
	if !slices.Contains(kinds, s.Kind) {
		f.wrong("kind", "is %q: allowed are %s", s.Kind, list(kinds))
		return // what else is allowed depends on it
	}
	between(f, "connections", s.Connections, 1, mostConnections, "")
	between(f, "channels", s.Channels, 1, mostChannels, "")
	s.checkSubscribe(f)
	s.checkKind(f)
	settings(f, "settings", s.Settings)
	for i, name := range s.Servers {
		field := fmt.Sprintf("servers[%d]", i)
		if _, err := ParseCandidate(name); err != nil {
			f.wrong(field, "is %s: %v", name, err)
		} else if slices.Contains(s.Servers[:i], name) {
			f.wrong(field, "is %s again", name)
		}
	}
	for i, name := range s.Beside {
		field := fmt.Sprintf("beside[%d]", i)
		switch {
		case name == Floor:
			f.wrong(field, "is floor, which always runs: leave it out")
		case !slices.Contains(baselines, name):
			f.wrong(field, "is %q: allowed are %s", name, list(baselines))
		case slices.Contains(s.Beside[:i], name):
			f.wrong(field, "is %s again", name)
		}
	}
	s.checkLanes(f)
	for i, limit := range s.Limits {
		s.checkLimit(f, fmt.Sprintf("limits[%d]", i), limit)
	}
}

func (s *Scenario) checkSubscribe(f *fields) {
	switch {
	case s.Subscribe.None && (s.Subscribe.Each != 1 || s.Subscribe.Zipf != 0):
		f.wrong("subscribe.none", "is true: then each and zipf say nothing, leave them out")
	case s.Subscribe.None && s.Kind != Deliver:
		f.wrong("subscribe.none", "is true: only a scenario of kind deliver may subscribe to nothing")
	}
	if len(s.Subscribe.FanOuts) > 0 {
		s.checkGroups(f)
		return
	}
	between(f, "subscribe.each", s.Subscribe.Each, 1, max(s.Channels, 1), ", the number of channels")
	between(f, "subscribe.zipf", s.Subscribe.Zipf, 0, mostZipf, "")
}

// checkGroups looks at channels that are dealt out in groups: how many there are follows.
func (s *Scenario) checkGroups(f *fields) {
	if s.Subscribe.None || s.Subscribe.Zipf != 0 || s.Subscribe.Each != len(s.Subscribe.FanOuts) {
		f.wrong("subscribe.fan_outs", "are given: then each, zipf and none say nothing, leave them out")
	}
	if s.Kind != Deliver {
		f.wrong("subscribe.fan_outs", "are given, and the kind is %s: they are only for %s", s.Kind, Deliver)
	}
	for i, n := range s.Subscribe.FanOuts {
		between(f, fmt.Sprintf("subscribe.fan_outs[%d]", i), n, 0, s.Connections, ", the number of connections")
	}
	if want := groupsChannels(s.Connections, s.Subscribe.FanOuts); s.Channels != want {
		f.wrong("channels", "is %d: with these fan_outs there are %d, leave it out", s.Channels, want)
	}
}

// checkKind looks at what only some kinds have.
func (s *Scenario) checkKind(f *fields) {
	only := func(field, kinds string, there bool) {
		if there {
			f.wrong(field, "is given, and the kind is %s: it is only for %s", s.Kind, kinds)
		}
	}
	if s.Kind == Idle {
		only("publish", "deliver and storm", s.Publish != Publish{})
		only("rounds", "deliver and storm", s.Rounds != 0)
		duration(f, "rest", s.Rest, time.Second, time.Hour)
		s.checkSteps(f)
	} else {
		if s.Kind == Deliver && len(s.Steps) > 0 {
			s.checkSteps(f)
		} else {
			only("steps", "idle and deliver", len(s.Steps) > 0)
		}
		only("rest", Idle, s.Rest != 0)
		between(f, "rounds", s.Rounds, 1, 10_000, "")
		between(f, "publish.bytes", s.Publish.Bytes, leastBytes, mostBytes, "")
		between(f, "publish.zipf", s.Publish.Zipf, 0, mostZipf, "")
	}
	if s.Kind == Deliver && s.Resuming() > 0 {
		between(f, "missed", s.Missed, 1, 1_000_000, "")
	} else if s.Kind != Storm {
		only("missed", "storm, and lanes that resume", s.Missed != 0)
	}
	if s.Kind == Storm {
		between(f, "missed", s.Missed, 1, 1_000_000, "")
		between(f, "publish.rate", s.Publish.Rate, 0, mostRate, " (0: as fast as the broker takes it)")
		only("publish.burst", Deliver, s.Publish.Burst != 0)
		only("publish.zipf", Deliver, s.Publish.Zipf != 0)
	}
	if s.Kind == Deliver {
		duration(f, "slice", s.Slice, 100*time.Millisecond, 5*time.Minute)
		for i, lane := range s.AllLanes() {
			field := "publish"
			if i < len(s.Lanes) && s.Lanes[i].Publish != nil {
				field = fmt.Sprintf("lanes[%d].publish", i)
			}
			s.checkPublish(f, field, *lane.Publish)
		}
	} else {
		only("slice", Deliver, s.Slice != 0)
	}
}

func (s *Scenario) checkSteps(f *fields) {
	if len(s.Steps) < 2 {
		f.wrong("steps", "are %v: at least two are needed, for memory is the slope between them", s.Steps)
	}
	for i, step := range s.Steps {
		if step < 1 || i > 0 && step <= s.Steps[i-1] {
			f.wrong(fmt.Sprintf("steps[%d]", i), "is %d: they are numbers of connections and ascend", step)
		}
	}
	if n := len(s.Steps); n > 0 && s.Steps[n-1] != s.Connections {
		f.wrong("steps", "end with %d: the last is connections, %d", s.Steps[n-1], s.Connections)
	}
}

// checkPublish looks at what a lane sends in a slice.
func (s *Scenario) checkPublish(f *fields, field string, p Publish) {
	if p.Rate <= 0 || p.Rate > mostRate {
		f.wrong(field+".rate", "is %v: allowed are up to %d records a second, and more than 0", p.Rate, mostRate)
		return
	}
	between(f, field+".burst", p.Burst, 0, mostRate, "")
	between(f, field+".group", p.Group, 0, len(s.Subscribe.FanOuts), ", the number of subscribe.fan_outs")
	if p.Group > 0 && p.Zipf > 0 {
		f.wrong(field+".zipf", "is %v: records of a group are for its channels in turn", p.Zipf)
	}
	if field != "publish" {
		between(f, field+".bytes", p.Bytes, leastBytes, mostBytes, "")
		between(f, field+".zipf", p.Zipf, 0, mostZipf, "")
	}
	slice := time.Duration(s.Slice).Seconds()
	if least := float64(max(p.Burst, 1)); slice > 0 && p.Rate*slice < least-1e-9 {
		f.wrong(field+".rate", "is %v: a slice of %v needs at least %v for %v at once", p.Rate, s.Slice, least/slice, least)
	}
}

func (s *Scenario) checkLanes(f *fields) {
	if len(s.Lanes) > 0 && s.Kind != Deliver {
		f.wrong("lanes", "are given, and the kind is %s: they are only for %s", s.Kind, Deliver)
	}
	var names []string
	for i, lane := range s.Lanes {
		field := fmt.Sprintf("lanes[%d]", i)
		switch {
		case !laneName.MatchString(lane.Name):
			f.wrong(field+".name", "is %q: allowed are small letters, digits and dashes", lane.Name)
		case slices.Contains(names, lane.Name):
			f.wrong(field+".name", "is %s again", lane.Name)
		}
		names = append(names, lane.Name)
		between(f, field+".stalled", lane.Stalled, 0, 0.5, "")
		between(f, field+".resume", lane.Resume, 0, mostConnections, "")
		settings(f, field+".settings", lane.Settings)
	}
}

func settings(f *fields, field string, settings map[string]string) {
	for name, value := range settings {
		switch {
		case !settingPattern.MatchString(name):
			f.wrong(join(field, name), "is not known: allowed are the servers' WS_* and KAFKA_*")
		case slices.Contains(ownSettings, name):
			f.wrong(join(field, name), "is set by bench itself: leave it out")
		case value == "":
			f.wrong(join(field, name), "is empty: leave it out for the server's default")
		}
	}
}

func between[T int | float64](f *fields, field string, value, least, most T, why string) {
	if !(value >= least && value <= most) { // NaN is not between
		f.wrong(field, "is %v: allowed are %v to %v%s", value, least, most, why)
	}
}

func duration(f *fields, field string, value Duration, least, most time.Duration) {
	if d := time.Duration(value); d < least || d > most {
		f.wrong(field, "is %v: allowed are %v to %v", value, Duration(least), Duration(most))
	}
}

func list(names []string) string { return strings.Join(names, ", ") }
