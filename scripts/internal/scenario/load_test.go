package scenario

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Each file of the repository is sound, and its text's figures are what its plan comes to.
func TestScenarios(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	// Deliveries a second of each lane that the files tell of.
	deliveries := map[string][]float64{
		"broadcast": {60000}, "peers": {60000}, "fanout-100": {60000}, "fanout-1": {10000}, "market": {60000},
		"burst": {500000}, "pending": {40000, 640000}, "stalled": {60000, 59400}, "narrow": {50000}, "unwanted": {0},
		"idle": {0}, "storm": {0}, "resume": {25000, 25000}, "shards": {20000}, "fifty-thousand": {50000},
	}
	for _, s := range all {
		want := deliveries[s.Name]
		if lanes := s.AllLanes(); len(lanes) != len(want) {
			t.Errorf("%s has %d lanes, want %d", s.Name, len(lanes), len(want))
			continue
		}
		delete(deliveries, s.Name)
		for i, lane := range s.AllLanes() {
			got := lane.Publish.Rate * NewPlan(s, lane.Stalled).FanOutOf(*lane.Publish, s.Connections)
			if got < want[i]*0.98 || got > want[i]*1.02 {
				t.Errorf("%s, lane %d: %.0f deliveries a second, want %.0f", s.Name, i, got, want[i])
			}
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back := &Scenario{}
		if err := json.Unmarshal(b, back); err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("%s is another one after JSON: %v\n%+v\n%+v", s.Name, err, s, back)
		}
	}
	for name := range deliveries {
		t.Errorf("there is no %s", name)
	}
}

// The server takes every lane's settings.
func TestSettings(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the server")
	}
	v, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	server, err := v[0].Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		// Those of candidates are their variants' own.
		for _, lane := range s.AllLanes() {
			cmd := exec.CommandContext(t.Context(), server, "config", "check")
			cmd.Env = variant.Environ(lane.Settings)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s %s: %v\n%s", s.Name, lane.Name, err, out)
			}
		}
	}
}

func TestFind(t *testing.T) {
	if _, err := Find("broadcst"); err == nil || !strings.Contains(err.Error(), "broadcast, burst, ") {
		t.Errorf("got %v, want the names there are", err)
	}
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Find(path)
	if err != nil || s.Name != "mine" {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := Find("./nowhere.yaml"); err == nil {
		t.Error("a file that is not there was read")
	}
}

const small = `
title: Small
about: A test's.
connections: 10
publish:
  rate: 5
`

func TestDefaults(t *testing.T) {
	s, err := parse("x/small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := &Scenario{
		Name: "small", Title: "Small", About: "A test's.", Kind: Deliver, Connections: 10, Channels: 1, Subscribe: Subscribe{Each: 1},
		Publish: Publish{Rate: 5, Bytes: 104}, Slice: Duration(2 * time.Second), Rounds: 20,
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	s.Connections = 0
	if err := s.Validate(); err == nil || err.Error() != "small: connections is 0: allowed are 1 to 1000000" {
		t.Errorf("got %v", err)
	}
}

func TestAllLanes(t *testing.T) {
	s, err := parse("lanes.yaml", []byte(small+`
settings: {WS_A: 1, WS_B: 2}
lanes:
  - name: one
  - {name: two, stalled: 0.1, publish: {rate: 80, burst: 16}, settings: {WS_B: 3}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Lane{
		{Name: "one", Publish: &Publish{Rate: 5, Bytes: 104}, Settings: map[string]string{"WS_A": "1", "WS_B": "2"}},
		{Name: "two", Publish: &Publish{Rate: 80, Burst: 16, Bytes: 104}, Stalled: 0.1, Settings: map[string]string{"WS_A": "1", "WS_B": "3"}},
	}
	if got := s.AllLanes(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// What is wrong is told with its line, its field and what would be right.
func TestMistakes(t *testing.T) {
	idle := "title: T\nabout: A\nkind: idle\nconnections: 10\n"
	lanes := small + "lanes:\n  - name: a\n  - name: b\n"
	for _, test := range []struct{ text, want string }{
		{"", "f.yaml: it is empty"},
		{"- a", "f.yaml:1:  is a list: want title, about, kind, "},
		{"title: [", "f.yaml: yaml: "},
		{small + "---\ntitle: Second", "goes on after ---"},
		{small + "chanels: 3", "f.yaml:7: chanels is not known: here are allowed title, about, kind, connections, "},
		{small + "subscribe: {all: true}", "f.yaml:7: subscribe.all is not known: here are allowed each, zipf, none"},
		{small + "channels: many", `f.yaml:7: channels is "many": want a whole number`},
		{small + "channels: 1.5", `f.yaml:7: channels is "1.5": want a whole number`},
		{small + "connections: 3", "f.yaml:7: connections is there twice"},
		{small + "slice: 2", `f.yaml:7: slice "2" is no time: write one such as 500ms, 2s or 1m`},
		{small + "slice: [2s]", "f.yaml:7: slice a time is written such as"},
		{small + "slice: 5ms", "f.yaml:7: slice is 5ms: allowed are 100ms to 5m"},
		{small + "slice: 100ms", "f.yaml:6: publish.rate is 5: a slice of 100ms needs at least 10 for 1 at once"},
		{small + "limits: 3", `f.yaml:7: limits is "3": want a list`},
		{small + "settings: [a]", "f.yaml:7: settings is a list: want NAME: value lines"},
		{small + "settings: {WS_ADDR: a}", "f.yaml:7: settings.WS_ADDR is set by bench itself"},
		{small + "settings: {GOGC: 1}", "f.yaml:7: settings.GOGC is not known: allowed are the servers' WS_* and KAFKA_*"},
		{small + "settings: {WS_X: }", "f.yaml:7: settings.WS_X is empty"},
		{small + "rounds: 0", "f.yaml:7: rounds is 0: allowed are 1 to 10000"},
		{small + "channels: 0", "f.yaml:7: channels is 0: allowed are 1 to 100000"},
		{small + "subscribe: {each: 2}", "f.yaml:7: subscribe.each is 2: allowed are 1 to 1, the number of channels"},
		{small + "subscribe: {zipf: .nan}", "f.yaml:7: subscribe.zipf is NaN: allowed are 0 to 3"},
		{small + "subscribe: {none: true, zipf: 1}", "subscribe.none is true: then each and zipf say nothing"},
		{small + "beside: [floor]", "f.yaml:7: beside[0] is floor, which always runs"},
		{small + "beside: [reader, reader]", "f.yaml:7: beside[1] is reader again"},
		{small + "beside: [nginx]", `beside[0] is "nginx": allowed are gorilla-hub, centrifuge, reader`},
		{small + "missed: 3", "f.yaml:7: missed is given, and the kind is deliver: it is only for storm, and lanes that resume"},
		{small + "steps: [1]", "f.yaml:7: steps are [1]: at least two are needed"},
		{small + "servers: [ws-triple]", `f.yaml:7: servers[0] is ws-triple: there is no server "ws-triple"`},
		{small + "servers: [ws-single@shards=2]", "servers[0] is ws-single@shards=2: ws-single@shards=2: shards are ws-multi's"},
		{small + "servers: [ws-multi, ws-multi]", "servers[1] is ws-multi again"},
		{small + "lanes: [{name: a, resume: 3}]", "missed is 0: allowed are 1 to 1000000"},
		{small + "subscribe: {fan_outs: [1, 11]}", "f.yaml:7: subscribe.fan_outs[1] is 11: allowed are 0 to 10"},
		{small + "subscribe: {fan_outs: [1], zipf: 1}", "subscribe.fan_outs are given: then each, zipf and none say nothing"},
		{small + "subscribe: {fan_outs: [1]}\nlanes: [{name: a, publish: {group: 2}}]", "lanes[0].publish.group is 2: allowed are 0 to 1"},
		{small + "limits: [{measure: rss, of: server, at_most: 1}]", "limits[0].measure is rss: it is a slope over steps"},
		{small + "limits: [{measure: cpu, of: server, info: true, at_most: 1}]", "limits[0].info is true: then at_most and stretch say nothing"},
		{small + "kind: busy", `f.yaml:7: kind is "busy": allowed are deliver, idle, storm`},
		{small + "lanes: [{name: A}]", `f.yaml:7: lanes[0].name is "A": allowed are small letters`},
		{small + "lanes: [{name: a}, {name: a}]", "lanes[1].name is a again"},
		{small + "lanes: [{name: a, stalled: 2}]", "lanes[0].stalled is 2: allowed are 0 to 0.5"},
		{small + "lanes: [{name: a, publish: {burst: 16}}]", "f.yaml:7: lanes[0].publish.rate is 5: a slice of 2s needs at least 8 for 16 at once"},
		{small + "lanes: [{name: a, publish: {bytes: 3}}]", "f.yaml:7: lanes[0].publish.bytes is 3: allowed are 64 to 60000"},
		{small + "limits: [{measure: speed}]", `f.yaml:7: limits[0].measure is "speed": allowed for kind deliver are cpu, cpu/rec, p99, last, allocs, rss, sockets`},
		{small + "limits: [{measure: cpu, at_most: 1}]", `f.yaml:7: limits[0].of is "": allowed are server`},
		{small + "limits: [{measure: cpu, of: server, over: centrifuge, at_most: 1}]", `limits[0].over is "centrifuge": allowed are server, ws-single, ws-multi, floor`},
		{small + "limits: [{measure: cpu, of: server, over: floor}]", "f.yaml:7: limits[0].at_most is 0: allowed is more than 0"},
		{small + "limits: [{measure: cpu, of: server, at_most: 1, stretch: 2}]", "limits[0].stretch is 2: allowed are 0 (none) to at_most, 1"},
		{small + "limits: [{measure: allocs, of: server, over: floor, at_most: 1}]", "limits[0].over is floor: allocs is no ratio"},
		{small + "limits: [{measure: cpu, of: server, less: floor, at_most: 1}]", "limits[0].less is floor: cpu is no difference"},
		{small + "limits: [{goal: first, measure: cpu, of: server, at_most: 1}]", `limits[0].goal is "first"`},
		{small + "subscribe: {none: true}\nlimits: [{measure: p99, of: server, at_most: 1}]", "limits[0].measure is p99, and nothing is delivered"},
		{small + "channels: 2\nlimits: [{measure: last, of: server, at_most: 1}]", "limits[0].measure is last: it is of a broadcast"},
		{small + "beside: [reader]\nlimits: [{measure: cpu, of: server, over: reader, at_most: 1}]", `limits[0].over is "reader": allowed are server, ws-single, ws-multi, floor`},
		{lanes + "limits: [{measure: cpu, of: server, at_most: 1}]", `limits[0].of is "server": allowed are server/a, server/b`},
		{lanes + "limits: [{measure: cpu, of: server/a, over: server/c, at_most: 1}]", `limits[0].over is "server/c": allowed are server/a, server/b, ws-single/a, ws-single/b, ws-multi/a, ws-multi/b, floor`},
		{idle, "f.yaml:1: steps are []: at least two are needed"},
		{idle + "steps: [4, 3]", "f.yaml:5: steps[1] is 3: they are numbers of connections and ascend"},
		{idle + "steps: [4, 9]", "f.yaml:5: steps end with 9: the last is connections, 10"},
		{idle + "steps: [4, 10]\npublish: {rate: 3}", "f.yaml:6: publish is given, and the kind is idle"},
		{idle + "steps: [4, 10]\nlanes: [{name: a}]", "f.yaml:6: lanes are given, and the kind is idle"},
		{"title: T\nabout: A\nkind: storm\nconnections: 10\n", "f.yaml:1: missed is 0: allowed are 1 to 1000000"},
		{"connections: 10\npublish: {rate: 1}", "f.yaml:1: title is missing"},
	} {
		s, err := parse("f.yaml", []byte(test.text))
		if err == nil {
			t.Errorf("%q was read: %+v", test.text, s)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q:\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

// All mistakes are told at once.
func TestAllMistakes(t *testing.T) {
	_, err := parse("f.yaml", []byte(small+"rounds: 0\nchannels: 0"))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"2s": 2 * time.Second, "1m": time.Minute, "90m": 90 * time.Minute, "1h": time.Hour, "250ms": 250 * time.Millisecond, "10s": 10 * time.Second,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%s: got %v, %v", text, d, err)
		}
		b, err := json.Marshal(Duration(want))
		if err != nil {
			t.Fatal(err)
		}
		var back Duration
		if err := json.Unmarshal(b, &back); err != nil || back != d {
			t.Errorf("%s: got %v, %v", b, back, err)
		}
	}
	if got := Duration(90 * time.Minute).String(); got != "1h30m" {
		t.Errorf("got %s", got)
	}
}

// Short scenarios are valid ones of the same shape.
func TestShort(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		before, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		short := s.Short(100, time.Second, 3)
		if err := short.Validate(); err != nil {
			t.Errorf("%v", err)
		}
		if after, err := json.Marshal(s); err != nil || !slices.Equal(before, after) {
			t.Errorf("%s was changed: %v", s.Name, err)
		}
		for i, lane := range short.AllLanes() {
			fan := NewPlan(&short, lane.Stalled).FanOut(lane.Publish.Zipf, short.Connections)
			if rate := lane.Publish.Rate * fan; rate > 10_000 {
				t.Errorf("%s, lane %d: %.0f deliveries a second are not small", s.Name, i, rate)
			}
			if s.Kind == Deliver && !s.Subscribe.None && fan < 1 {
				t.Errorf("%s, lane %d: a record reaches %.2f connections", s.Name, i, fan)
			}
		}
		if s.Kind == Idle && !slices.Equal(short.Steps, []int{27, 100}) {
			t.Errorf("steps are %v", short.Steps)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("lanes: [{name: a, publish: {}}]\nlimits: [{of: server/a}]\n"))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse("f.yaml", text)
		if err == nil && s.Validate() != nil {
			t.Errorf("%q was read and is not valid: %v", text, s.Validate())
		}
	})
}
