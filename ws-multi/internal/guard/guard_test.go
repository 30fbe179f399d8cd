package guard

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

func TestNewNamesWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		options Options
		names   string
	}{
		{Options{}, "cores"},
		{Options{Cores: -1}, "cores"},
		{Options{Cores: math.NaN()}, "cores"},
		{Options{Cores: 1, Limits: Limits{Connections: -1}}, "connections"},
		{Options{Cores: 1, Limits: Limits{ConnectionsPerSub: -1}}, "connections per subject"},
		{Options{Cores: 1, Limits: Limits{HandshakesPerSecond: math.Inf(1)}}, "handshakes per second"},
		{Options{Cores: 1, Limits: Limits{HandshakesPerAddr: 0.0001}}, "handshakes per second and address"},
		{Options{Cores: 1, Limits: Limits{CPUPausePercent: math.NaN()}}, "pause"},
		{Options{Cores: 1, Limits: Limits{MemoryBytes: -1}}, "memory"},
	} {
		if _, err := New(test.options); err == nil || !strings.Contains(err.Error(), test.names) {
			t.Errorf("New(%+v): %v, want an error about %q", test.options, err, test.names)
		}
	}
}

// Each step knocks or lets somebody go, and is answered as it says.
func TestConnectionLimits(t *testing.T) {
	type step struct {
		addr string // who knocks; "-n": the n-th who was let in goes
		want string
	}
	for name, test := range map[string]struct {
		limits Limits
		steps  []step
	}{
		"off": {Limits{}, []step{{"192.0.2.1", ""}, {"192.0.2.1", ""}, {"192.0.2.1", ""}}},
		"all": {Limits{Connections: 2}, []step{
			{"192.0.2.1", ""},
			{"192.0.2.1", ""},
			{"192.0.2.2", metric.RejectConnections},
			{"-0", ""},
			{"192.0.2.2", ""},
			{"192.0.2.3", metric.RejectConnections},
		}},
		"by address": {Limits{ConnectionsPerAddr: 1}, []step{
			{"192.0.2.1", ""},
			{"192.0.2.1", metric.RejectAddrConnections},
			{"::ffff:192.0.2.1", metric.RejectAddrConnections},
			{"192.0.2.2", ""},
			{"2001:db8::1", ""},
			{"2001:db8::ffff:0:0:1", metric.RejectAddrConnections},
			{"2001:db8:0:1::1", ""},
			{"-0", ""},
			{"::ffff:192.0.2.1", ""},
			{"192.0.2.1", metric.RejectAddrConnections},
		}},
		"the address's own fault first": {Limits{Connections: 2, ConnectionsPerAddr: 1}, []step{
			{"192.0.2.1", ""},
			{"192.0.2.2", ""},
			{"192.0.2.1", metric.RejectAddrConnections},
			{"192.0.2.3", metric.RejectConnections},
			{"-1", ""},
			{"192.0.2.3", ""}, // the refusal before has left no count behind
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := limited(t, test.limits, nil)
			var in []*Slot
			for i, s := range test.steps {
				if n, ok := strings.CutPrefix(s.addr, "-"); ok {
					in[n[0]-'0'].Release()
					continue
				}
				slot, got := knock(t, g, s.addr)
				if got != s.want {
					t.Fatalf("step %d, %s: %q, want %q", i, s.addr, got, s.want)
				}
				if slot != nil {
					in = append(in, slot)
				}
			}
			for _, slot := range in {
				slot.Release()
			}
			if g.Open() != 0 || g.addrs != nil && g.addrs.keys() != 0 {
				t.Errorf("%d open after all have gone", g.Open())
			}
		})
	}
}

func TestStatesRefuse(t *testing.T) {
	g := limited(t, Limits{}, nil)
	for _, test := range []struct {
		state Snapshot
		want  string
	}{
		{Snapshot{RejectCPU: true}, metric.RejectCPU},
		{Snapshot{RejectMemory: true}, metric.RejectMemory},
		{Snapshot{PauseKafka: true, ShedBytes: 1}, ""},
	} {
		g.snapshot.Store(&test.state)
		if _, got := knock(t, g, "192.0.2.1"); got != test.want {
			t.Errorf("%+v: %q, want %q", test.state, got, test.want)
		}
	}
	if g.Open() != 1 {
		t.Errorf("%d open, one was let in", g.Open())
	}
}

// What passes the pace is never refused by rate; what comes past it is, from
// twice the pace on.
func TestHopelessRate(t *testing.T) {
	for _, test := range []struct {
		perSecond int // what comes, the limit is 100
		least     int // admitted in 10 s
		most      int
	}{
		{100, 1000, 1000},
		{200, 2000, 2000},
		{1000, 2000, 2101},
	} {
		now := time.Unix(1e9, 0)
		g := limited(t, Limits{HandshakesPerSecond: 100}, &now)
		admitted := 0
		for range 10 * test.perSecond {
			switch slot, reason := knock(t, g, "192.0.2.1"); reason {
			case "":
				admitted++
				slot.Release()
			case metric.RejectRate:
			default:
				t.Fatalf("refused for %q", reason)
			}
			now = now.Add(time.Second / time.Duration(test.perSecond))
		}
		if admitted < test.least || admitted > test.most {
			t.Errorf("%d a second: %d admitted in 10 s, want %d to %d", test.perSecond, admitted, test.least, test.most)
		}
	}
}

// An address that knocks too often uses up nothing of what is for all.
func TestAddrRateComesFirst(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := limited(t, Limits{HandshakesPerSecond: 10, HandshakesPerAddr: 1}, &now)
	for i := range 1000 {
		_, got := knock(t, g, "2001:db8::1")
		want := ""
		if i >= addrBurst {
			want = metric.RejectAddrRate
		}
		if got != want {
			t.Fatalf("knock %d: %q, want %q", i, got, want)
		}
	}
	for i := range 10 - addrBurst {
		if _, got := knock(t, g, fmt.Sprintf("192.0.2.%d", i)); got != "" {
			t.Fatalf("another address: %q", got)
		}
	}
	if _, got := knock(t, g, "192.0.2.99"); got != metric.RejectRate {
		t.Fatalf("one more than a second's worth: %q", got)
	}
}
