package guard

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
)

// clock is a time that moves only when told.
type clock struct{ t time.Time }

func newClock() *clock                   { return &clock{t: time.Unix(1_700_000_000, 0)} }
func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newGuard(t *testing.T, o Options) *Guard {
	t.Helper()
	if o.Cores == 0 {
		o.Cores = 1
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// admit fails the test unless the answer is the wanted reason, "" for a slot.
func admit(t *testing.T, g *Guard, addr, want string) *Slot {
	t.Helper()
	slot, refusal := g.Admit(netip.MustParseAddr(addr))
	got := ""
	if refusal != nil {
		got = refusal.Reason
	}
	if got != want {
		t.Fatalf("Admit(%s) = %q, want %q", addr, got, want)
	}
	if (slot == nil) != (refusal != nil) {
		t.Fatalf("Admit(%s): slot %v and refusal %v", addr, slot, refusal)
	}
	return slot
}

func TestNoLimitsAdmitAll(t *testing.T) {
	g := newGuard(t, Options{})
	for range 1000 {
		if !admit(t, g, "192.0.2.1", "").SetSubject("alice") {
			t.Fatal("subject refused without a limit")
		}
	}
	if g.Open() != 1000 {
		t.Fatalf("Open() = %d, want 1000", g.Open())
	}
}

func TestConnections(t *testing.T) {
	g := newGuard(t, Options{Limits: Limits{Connections: 2}})
	a := admit(t, g, "192.0.2.1", "")
	admit(t, g, "192.0.2.2", "")
	admit(t, g, "192.0.2.3", metric.RejectConnections)
	a.Release()
	a.Release()
	admit(t, g, "192.0.2.3", "")
	admit(t, g, "192.0.2.4", metric.RejectConnections)
}

func TestConnectionsPerAddr(t *testing.T) {
	g := newGuard(t, Options{Limits: Limits{ConnectionsPerAddr: 2}})
	a := admit(t, g, "192.0.2.1", "")
	b := admit(t, g, "::ffff:192.0.2.1", "")
	admit(t, g, "192.0.2.1", metric.RejectAddrConnections)
	c := admit(t, g, "2001:db8::1", "")
	d := admit(t, g, "2001:db8::ffff:1", "")
	admit(t, g, "2001:db8::2", metric.RejectAddrConnections)
	e := admit(t, g, "2001:db8:0:1::1", "")
	if g.Open() != 5 {
		t.Fatalf("refusals were counted: %d open, want 5", g.Open())
	}
	for _, s := range []*Slot{a, b, c, d, e} {
		s.Release()
	}
	if g.Open() != 0 || len(g.addrs) != 0 {
		t.Fatalf("%d open, %d addresses remembered, want none", g.Open(), len(g.addrs))
	}
}

func TestConnectionsPerSubject(t *testing.T) {
	g := newGuard(t, Options{Limits: Limits{ConnectionsPerSub: 1}})
	a, b := admit(t, g, "192.0.2.1", ""), admit(t, g, "192.0.2.1", "")
	if !a.SetSubject("alice") {
		t.Fatal("the first connection of alice was refused")
	}
	if b.SetSubject("alice") {
		t.Fatal("a second connection of alice was allowed")
	}
	if !b.SetSubject("bob") {
		t.Fatal("bob was refused for alice's limit")
	}
	if !admit(t, g, "192.0.2.1", "").SetSubject("") {
		t.Fatal("a connection without a subject was counted as one")
	}
	a.Release()
	if a.SetSubject("carol") {
		t.Fatal("a released slot took a subject")
	}
	if !admit(t, g, "192.0.2.1", "").SetSubject("alice") {
		t.Fatal("alice was refused after her connection was released")
	}
	b.Release()
	if len(g.subs) != 1 {
		t.Fatalf("%d subjects remembered, want alice alone", len(g.subs))
	}
}

func TestHandshakesBehindPacing(t *testing.T) {
	c := newClock()
	g := newGuard(t, Options{Limits: Limits{HandshakesPerSecond: 100}, Now: c.now})
	// What the pacing lets through is never refused, not even all at once.
	for range 10 {
		for range 100 {
			admit(t, g, "192.0.2.1", "").Release()
		}
		c.advance(time.Second)
	}
	// Ten times the rate gets past Accept only on connections kept alive.
	refused := 0
	for range 1000 {
		if _, r := g.Admit(netip.MustParseAddr("192.0.2.1")); r != nil {
			if r.Reason != metric.RejectRate {
				t.Fatalf("refused for %q, want rate", r.Reason)
			}
			refused++
		}
		c.advance(time.Millisecond)
	}
	if refused < 600 || refused > 800 {
		t.Fatalf("%d of 1000 refused, want about 700: 200 a second and a burst of 100 pass", refused)
	}
}

func TestHandshakesPerAddr(t *testing.T) {
	c := newClock()
	g := newGuard(t, Options{Limits: Limits{HandshakesPerAddr: 2}, Now: c.now})
	for range 5 { // the burst
		admit(t, g, "192.0.2.1", "")
	}
	admit(t, g, "192.0.2.1", metric.RejectAddrRate)
	admit(t, g, "192.0.2.2", "")
	c.advance(499 * time.Millisecond)
	admit(t, g, "192.0.2.1", metric.RejectAddrRate)
	c.advance(time.Millisecond) // refused attempts have not moved it away
	admit(t, g, "192.0.2.1", "")
	admit(t, g, "192.0.2.1", metric.RejectAddrRate)
	// Half the bucket refills over the change of generations.
	c.advance(1500 * time.Millisecond)
	for range 3 {
		admit(t, g, "192.0.2.1", "")
	}
	admit(t, g, "192.0.2.1", metric.RejectAddrRate)
}

// TestAddrRateHoldsAcrossGenerations sends steadily at twice the rate: however
// the generations fall, no more than the rate gets through.
func TestAddrRateHoldsAcrossGenerations(t *testing.T) {
	c := newClock()
	r := newAddrRate(10, 20, 1000)
	key := netip.MustParseAddr("192.0.2.1")
	passed := 0
	for range 2000 { // 100 s
		if r.allow(key, c.now()) {
			passed++
		}
		c.advance(50 * time.Millisecond)
	}
	if passed < 1000 || passed > 1000+20+1 {
		t.Fatalf("%d of 2000 passed in 100 s at 10 a second with a burst of 20", passed)
	}
}

func TestAddrRateMemoryIsBounded(t *testing.T) {
	c := newClock()
	r := newAddrRate(1, 5, 100)
	for i := range 100_000 {
		key := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if !r.allow(key, c.now()) {
			t.Fatalf("a new address was refused after %d others", i)
		}
		if n := r.len(); n > 200 {
			t.Fatalf("%d addresses remembered, want at most 200", n)
		}
	}
}

func TestLimitKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::",
		"fe80::1%eth0":            "fe80::",
		"::1":                     "::",
		"2001:db8:1:2:ffff::ffff": "2001:db8:1:2::",
	} {
		if got := LimitKey(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("LimitKey(%s) = %s, want %s", in, got, want)
		}
	}
	if got := LimitKey(netip.Addr{}); got.IsValid() {
		t.Errorf("LimitKey of no address = %v", got)
	}
}

func TestStatesRefuse(t *testing.T) {
	g := newGuard(t, Options{})
	g.snapshot.Store(&Snapshot{RejectCPU: true})
	admit(t, g, "192.0.2.1", metric.RejectCPU)
	g.snapshot.Store(&Snapshot{RejectMemory: true})
	admit(t, g, "192.0.2.1", metric.RejectMemory)
	g.snapshot.Store(&Snapshot{PauseKafka: true})
	admit(t, g, "192.0.2.1", "")
}

func TestNewRefusesNonsense(t *testing.T) {
	for _, o := range []Options{
		{},
		{Cores: -1},
		{Cores: 1, Limits: Limits{Connections: -1}},
		{Cores: 1, Limits: Limits{MemoryBytes: -1}},
		{Cores: 1, Limits: Limits{HandshakesPerSecond: -0.1}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) took it", o)
		}
	}
}

// TestConcurrentUse has the race detector watch all entrances at once, and the
// counts come back to zero.
func TestConcurrentUse(t *testing.T) {
	g := newGuard(t, Options{Limits: Limits{
		Connections: 50, ConnectionsPerAddr: 20, ConnectionsPerSub: 10,
		HandshakesPerSecond: 1e6, HandshakesPerAddr: 1e6, CPURejectPercent: 1000, MemoryBytes: 1 << 50,
	}})
	s := newSampler(g)
	var wg sync.WaitGroup
	for i := range 8 {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 3)})
		wg.Go(func() {
			for n := range 500 {
				if slot, _ := g.Admit(addr); slot != nil {
					if open := g.Open(); open > 50 {
						t.Errorf("%d open, the limit is 50", open)
					}
					slot.SetSubject(fmt.Sprint(n % 4))
					g.AddHandshake(time.Microsecond)
					_ = g.Snapshot().MemoryUsed()
					slot.Release()
				}
			}
		})
	}
	for range 20 {
		s.sample()
	}
	wg.Wait()
	if g.Open() != 0 || len(g.addrs) != 0 || len(g.subs) != 0 {
		t.Fatalf("left over: %d open, %d addresses, %d subjects", g.Open(), len(g.addrs), len(g.subs))
	}
}
