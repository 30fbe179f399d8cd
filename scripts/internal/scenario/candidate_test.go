package scenario

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParseCandidate(t *testing.T) {
	tests := []struct {
		text string
		want Candidate // without its name
		err  string
	}{
		{"ws-single", Candidate{Variant: "ws-single", Processes: 1}, ""},
		{"ws-single#2", Candidate{Variant: "ws-single", Processes: 1}, ""},
		{"ws-multi@shards=1", Candidate{Variant: "ws-multi", Shards: 1, Cores: 1, Processes: 1, Settings: map[string]string{"WS_SHARDS": "1", "GOMAXPROCS": "1"}}, ""},
		{"ws-multi@shards=4,cores=2", Candidate{Variant: "ws-multi", Shards: 4, Cores: 2, Processes: 1, Settings: map[string]string{"WS_SHARDS": "4", "GOMAXPROCS": "2"}}, ""},
		{"ws-multi@shards=2#3", Candidate{Variant: "ws-multi", Shards: 2, Cores: 2, Processes: 1, Settings: map[string]string{"WS_SHARDS": "2", "GOMAXPROCS": "2"}}, ""},
		{"ws-multi@processes=3", Candidate{Variant: "ws-multi", Processes: 3}, ""},
		{"ws-single@WS_FLUSH_INTERVAL=10ms,WS_CHANNELS=9", Candidate{Variant: "ws-single", Processes: 1, Settings: map[string]string{"WS_FLUSH_INTERVAL": "10ms", "WS_CHANNELS": "9"}}, ""},
		{"ws-single@cores=1", Candidate{Variant: "ws-single", Cores: 1, Processes: 1}, ""},
		{"floor", Candidate{}, `there is no server "floor"`},
		{"ws-multi@", Candidate{}, `"" is no setting: write such as ws-multi@shards=2`},
		{"ws-multi@shards", Candidate{}, `"shards" is no setting`},
		{"ws-multi@shards=0", Candidate{}, `shards is "0": allowed are 1 to 256`},
		{"ws-multi@shards=two", Candidate{}, `shards is "two"`},
		{"ws-multi@shards=1,shards=2", Candidate{}, "shards is there twice"},
		{"ws-single@shards=2", Candidate{}, "shards are ws-multi's: ws-single has one loop"},
		{"ws-multi@WS_SHARDS=2", Candidate{}, "write shards=N"},
		{"ws-multi@WS_ADDR=:80", Candidate{}, "set by bench itself"},
		{"ws-multi@speed=9", Candidate{}, "speed is not known: allowed are shards, cores, processes"},
		{"ws-multi@processes=17", Candidate{}, "allowed are 1 to 16"},
		{"ws-multi@WS_X=a/b", Candidate{}, "is no setting"}, // a lane's name stands behind a slash
	}
	for _, tt := range tests {
		got, err := ParseCandidate(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %q", tt.text, err, tt.err)
			}
			continue
		}
		tt.want.Name = tt.text
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v and %v, want %+v", tt.text, got, err, tt.want)
		}
		if variant := VariantOf(tt.text); variant != tt.want.Variant {
			t.Errorf("%s is taken for %s", tt.text, variant)
		}
	}
}

func TestCandidateOver(t *testing.T) {
	c, err := ParseCandidate("ws-multi@WS_CHANNELS=5")
	if err != nil {
		t.Fatal(err)
	}
	base := map[string]string{"WS_CHANNELS": "1", "WS_X": "2"}
	if got := c.Over(base); !reflect.DeepEqual(got, map[string]string{"WS_CHANNELS": "5", "WS_X": "2"}) || base["WS_CHANNELS"] != "1" {
		t.Errorf("%v over %v", got, base)
	}
}

// In groups each connection holds a channel of each, and as many share one as the group says.
func TestGroups(t *testing.T) {
	s := &Scenario{Connections: 250, Subscribe: Subscribe{FanOuts: []int{0, 100, 1}}}
	s.deal()
	if s.Channels != 1+3+250 {
		t.Fatalf("%d channels", s.Channels)
	}
	p := NewPlan(s, 0)
	for _, want := range []struct {
		group  int
		fanOut float64
	}{{1, 250}, {2, 250.0 / 3}, {3, 1}, {0, (250 + 250 + 250) / 254.0}} {
		if got := p.FanOutOf(Publish{Group: want.group}, 250); math.Abs(got-want.fanOut) > 1e-9 {
			t.Errorf("group %d: a record reaches %g, want %g", want.group, got, want.fanOut)
		}
	}
	if held := p.ChannelsOf(249, nil); !reflect.DeepEqual(held, []int32{0, 3, 253}) {
		t.Errorf("the last connection holds %v", held)
	}
	in := SequenceOf(s, Publish{Group: 2}, 1)
	for _, want := range []int{1, 2, 3, 1} {
		if got := in.Next(); got != want {
			t.Errorf("a record for channel %d, want %d", got, want)
		}
	}
}

// Those who resume hold a channel that nobody else does, with a name as any other's.
func TestLate(t *testing.T) {
	s := Scenario{Connections: 9, Channels: 7, Subscribe: Subscribe{Each: 2}}
	others := NewPlan(&s, 0)
	s.Subscribe = Subscribe{Each: 1, Late: true}
	p := NewPlan(&s, 0)
	if held := p.ChannelsOf(3, nil); len(held) != 1 || held[0] != int32(p.LateChannel()) || p.Channel(p.LateChannel()) != "S00007.trade" {
		t.Errorf("one who resumes holds %v, %s", held, p.Channel(p.LateChannel()))
	}
	if n := others.Subscribers(p.LateChannel(), 9); n != 0 {
		t.Errorf("%d others hold it", n)
	}
}
