package scenario

import (
	"maps"
	"time"
)

// Kinds of scenarios: what a run of one does.
const (
	Deliver = "deliver" // lanes take turns in slices; what a delivery costs and how late it is
	Idle    = "idle"    // connections are raised in steps and left alone: memory, idle CPU
	Storm   = "storm"   // all connections are cut and come back with their cursors
)

// Baselines: servers that a run compares with. The floor always runs, the others where a scenario names them.
const (
	Floor      = "floor"
	GorillaHub = "gorilla-hub"
	Centrifuge = "centrifuge"
	Reader     = "reader" // no server: a bare consumer of the topic
)

// Event is what records are about: the channel of symbol S00001 is S00001.trade.
const Event = "trade"

// Server stands in limits for each server under test.
const Server = "server"

// Scenario is one file of scripts/scenarios: a load, and what must hold under it.
type Scenario struct {
	Name  string `yaml:"-" json:"name"`      // the file's, without .yaml
	Title string `yaml:"title" json:"title"` // one line
	About string `yaml:"about" json:"about"` // what the load is like in the real world, and what its figures mean
	Kind  string `yaml:"kind" json:"kind"`   // what a run does

	Connections int       `yaml:"connections" json:"connections"` // clients of each server
	Steps       []int     `yaml:"steps" json:"steps,omitempty"`   // numbers of connections at which memory is read, ascending; the last is Connections; Idle has some, Deliver may
	Channels    int       `yaml:"channels" json:"channels"`       // how many there are records for
	Subscribe   Subscribe `yaml:"subscribe" json:"subscribe"`
	Publish     Publish   `yaml:"publish" json:"publish"`

	Slice  Duration `yaml:"slice" json:"slice"`             // Deliver: how long a lane's turn is
	Rounds int      `yaml:"rounds" json:"rounds"`           // Deliver: turns of each lane; Storm: cuts
	Rest   Duration `yaml:"rest" json:"rest,omitempty"`     // Idle: how long the connections are left alone while CPU is measured
	Missed int      `yaml:"missed" json:"missed,omitempty"` // records a client finds when it is back: in a storm, or one of those that resume

	Settings map[string]string `yaml:"settings" json:"settings,omitempty"` // WS_* of the servers under test; guards are off where the load needs it
	Servers  []string          `yaml:"servers" json:"servers,omitempty"`   // candidates that are measured side by side unless others are asked for; none: the variant in production
	Beside   []string          `yaml:"beside" json:"beside,omitempty"`     // baselines that run besides the floor, which always does
	Lanes    []Lane            `yaml:"lanes" json:"lanes,omitempty"`       // none: one for each server, with the load above
	Limits   []Limit           `yaml:"limits" json:"limits,omitempty"`

	ByName bool `yaml:"by_name" json:"by_name,omitempty"` // it takes so long, or so much, that it runs only when it is named
}

// Subscribe says which channels a connection holds. Of several channels the connection numbered i takes Each; with
// Zipf 0 they are dealt out evenly, so that every channel has the same number of subscribers within one.
type Subscribe struct {
	Each    int     `yaml:"each" json:"each"`                   // channels of a connection
	Zipf    float64 `yaml:"zipf" json:"zipf,omitempty"`         // exponent of the channels' popularity
	None    bool    `yaml:"none" json:"none,omitempty"`         // hold a channel that nobody publishes to
	FanOuts []int   `yaml:"fan_outs" json:"fan_outs,omitempty"` // one channel of each of several groups: one in which so many connections share a channel; 0: all do
	Late    bool    `yaml:"-" json:"late,omitempty"`            // hold the one channel that those have who resume; bench's own
}

// Publish is the records' side of a load, on an open loop.
type Publish struct {
	Rate  float64 `yaml:"rate" json:"rate"`             // records a second
	Burst int     `yaml:"burst" json:"burst,omitempty"` // so many at once, the rate stays the same; 0 and 1: one by one
	Zipf  float64 `yaml:"zipf" json:"zipf,omitempty"`   // exponent of which channel a record is for; 0: in turn
	Bytes int     `yaml:"bytes" json:"bytes"`           // of the value; a ws frame is about 116 larger
	Group int     `yaml:"group" json:"group,omitempty"` // which of Subscribe's groups the records are for, from 1; 0: all channels
}

// Lane is one way in which each server under test is used. Lanes that differ in Settings or Stalled have a process of
// their own, others share one. What its Publish leaves out, or 0, is the scenario's. Those who resume are clients besides the
// scenario's, with a channel of their own; of lanes that share a process all have them, and in those without Resume they rest.
type Lane struct {
	Name     string            `yaml:"name" json:"name"`                   // behind the server's: ws-single/stalled
	Publish  *Publish          `yaml:"publish" json:"publish,omitempty"`   // over the scenario's
	Stalled  float64           `yaml:"stalled" json:"stalled,omitempty"`   // share of the connections that stop reading
	Resume   int               `yaml:"resume" json:"resume,omitempty"`     // so many other clients come back at the begin of each turn, with Missed records to replay
	Settings map[string]string `yaml:"settings" json:"settings,omitempty"` // over the scenario's
}

// Measures that a limit can be about.
const (
	CPU       = "cpu"        // µs of CPU a delivery; with Over: paired ratio
	CPURecord = "cpu/rec"    // µs of CPU a record; with Less: paired difference, scaled to a floor of 4 µs
	P99       = "p99"        // of latency, paired by slice; with Over: ratio
	Last      = "last"       // p99 of a broadcast's last delivery less Kafka's share, over connections x floor
	RSS       = "rss"        // bytes a connection, slope over Steps
	Sockets   = "sockets"    // bytes a connection that the kernel holds, slope over Steps, both ends
	Goroutine = "goroutines" // at the last of Steps
	IdleCPU   = "idle"       // µs of CPU a second and connection, scaled to a floor of 4 µs
	Allocs    = "allocs"     // heap allocations a delivery
	CaughtUp  = "caught-up"  // seconds from the cut until the last client is caught up
)

// Limit is what must hold. Of, Over and Less name lanes: "server" is each server under test, "server/x" its lane x, a
// variant's name each candidate of it, a candidate's that one, any other name a baseline's. A limit on servers that a run does not
// have is none of its.
type Limit struct {
	Goal    string  `yaml:"goal" json:"goal,omitempty"`       // its number in the design, such as G1
	Measure string  `yaml:"measure" json:"measure"`           // what is measured
	Of      string  `yaml:"of" json:"of"`                     // the lane it is of
	Over    string  `yaml:"over" json:"over,omitempty"`       // the lane it is divided by, pair by pair
	Less    string  `yaml:"less" json:"less,omitempty"`       // the lane that is taken off, pair by pair
	AtMost  float64 `yaml:"at_most" json:"at_most"`           // the limit, in the measure's unit
	Stretch float64 `yaml:"stretch" json:"stretch,omitempty"` // what would be better still; 0: none is stated
	Info    bool    `yaml:"info" json:"info,omitempty"`       // no limit: the figure is only stated
}

// Duration is written as "2s" in files and in JSON.
type Duration time.Duration

// AllLanes is the lanes with what they have of the scenario filled in: Publish is not nil, and Settings are all that the
// server gets. Without lanes it is one that has no name.
func (s *Scenario) AllLanes() []Lane {
	lanes := s.Lanes
	if len(lanes) == 0 {
		lanes = []Lane{{}}
	}
	all := make([]Lane, len(lanes))
	for i, lane := range lanes {
		publish := s.Publish
		if p := lane.Publish; p != nil {
			publish.Rate = over(p.Rate, publish.Rate)
			publish.Burst = over(p.Burst, publish.Burst)
			publish.Zipf = over(p.Zipf, publish.Zipf)
			publish.Bytes = over(p.Bytes, publish.Bytes)
			publish.Group = over(p.Group, publish.Group)
		}
		settings := map[string]string{}
		maps.Copy(settings, s.Settings)
		maps.Copy(settings, lane.Settings)
		all[i] = Lane{Name: lane.Name, Publish: &publish, Stalled: lane.Stalled, Resume: lane.Resume, Settings: settings}
	}
	return all
}

func over[T comparable](value, instead T) T {
	var none T
	if value == none {
		return instead
	}
	return value
}

// Resuming is how many clients there are besides Connections: those who resume in some lane.
func (s *Scenario) Resuming() int {
	most := 0
	for _, l := range s.Lanes {
		most = max(most, l.Resume)
	}
	return most
}

// floorHolds is more connections than the floor can have, which is one process.
const floorHolds = 18_000

// PlainFloor says that the floor has a load of its own: a broadcast, where the scenario's has no deliveries to tell the
// cost of a send by, several groups of channels, or more connections than one process holds.
func (s *Scenario) PlainFloor() bool {
	return s.Kind != Deliver || s.Subscribe.None || len(s.Subscribe.FanOuts) > 0 || s.Connections > floorHolds
}
