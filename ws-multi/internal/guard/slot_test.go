package guard

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// A million connections hold a million of them.
func TestSlotIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Slot{}); n > 24 {
		t.Errorf("a slot takes %d bytes", n)
	}
	g := limited(t, Limits{Connections: 1 << 20}, nil)
	addr := netip.MustParseAddr("192.0.2.1")
	if n := testing.AllocsPerRun(1000, func() { g.Admit(addr) }); n != 1 {
		t.Errorf("Admit allocates %v times, want the slot alone", n)
	}
}

func TestSubjects(t *testing.T) {
	g := limited(t, Limits{ConnectionsPerSub: 2}, nil)
	slots := make([]*Slot, 5)
	for i := range slots {
		slots[i], _ = knock(t, g, "192.0.2.1")
	}
	for i, step := range []struct {
		slot    int
		subject string
		want    bool
	}{
		{0, "alice", true},
		{0, "alice", true}, // again, as with a new token: counted once
		{0, "bob", false},  // one subject for life
		{1, "alice", true},
		{2, "alice", false},
		{2, "alice", false},
		{2, "bob", true}, // having been refused binds to nobody
		{3, "", true},
		{4, "", true},
		{3, "bob", true},
		{4, "bob", false},
	} {
		if got := slots[step.slot].SetSubject(step.subject); got != step.want {
			t.Fatalf("step %d, %+v: %v", i, step, got)
		}
	}
	slots[0].Release()
	if slots[0].SetSubject("carol") || slots[0].SetSubject("") {
		t.Error("a released slot took a subject")
	}
	if !slots[4].SetSubject("alice") {
		t.Error("the released place is not free")
	}
	for _, s := range slots {
		s.Release()
	}
	if n := g.subs.keys(); n != 0 {
		t.Errorf("%d subjects are counted after all have gone", n)
	}

	off := limited(t, Limits{}, nil)
	for range 3 {
		s, _ := knock(t, off, "192.0.2.1")
		if !s.SetSubject("alice") {
			t.Error("refused by a limit that is off")
		}
		defer s.Release()
	}
}

func TestReleaseTwice(t *testing.T) {
	g := limited(t, Limits{ConnectionsPerAddr: 9, ConnectionsPerSub: 9}, nil)
	first, _ := knock(t, g, "192.0.2.1")
	second, _ := knock(t, g, "192.0.2.1")
	first.SetSubject("alice")
	second.SetSubject("alice")
	var all sync.WaitGroup
	for range 8 {
		all.Go(first.Release)
	}
	all.Wait()
	if g.Open() != 1 || g.addrs.keys() != 1 || g.subs.keys() != 1 {
		t.Fatalf("%d open, %d addresses, %d subjects; want one of each", g.Open(), g.addrs.keys(), g.subs.keys())
	}
	second.Release()
	if g.Open() != 0 || g.addrs.keys() != 0 || g.subs.keys() != 0 {
		t.Fatalf("%d open, %d addresses, %d subjects; want none", g.Open(), g.addrs.keys(), g.subs.keys())
	}
}

// Any sequence of calls is answered as plain counting of what is held answers.
func TestAgainstModel(t *testing.T) {
	type held struct {
		slot    *Slot
		addr    string
		subject string
	}
	rapid.Check(t, func(r *rapid.T) {
		limits := Limits{
			Connections:        rapid.IntRange(0, 6).Draw(r, "connections"),
			ConnectionsPerAddr: rapid.IntRange(0, 3).Draw(r, "per address"),
			ConnectionsPerSub:  rapid.IntRange(0, 3).Draw(r, "per subject"),
		}
		g, err := New(Options{Cores: 1, Limits: limits})
		if err != nil {
			r.Fatal(err)
		}
		var in []*held
		fits := func(limit int, is func(*held) bool) bool {
			n := 0
			for _, h := range in {
				if is(h) {
					n++
				}
			}
			return limit == 0 || n < limit
		}
		r.Repeat(map[string]func(*rapid.T){
			"admit": func(r *rapid.T) {
				addr := rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "::1"}).Draw(r, "address")
				want := fits(limits.Connections, func(*held) bool { return true }) &&
					fits(limits.ConnectionsPerAddr, func(h *held) bool { return h.addr == addr })
				slot, refused := g.Admit(netip.MustParseAddr(addr))
				if (slot != nil) != want || (refused == nil) != want {
					r.Fatalf("%s with %d open: admitted is %v, want %v", addr, len(in), slot != nil, want)
				}
				if want {
					in = append(in, &held{slot: slot, addr: addr})
				}
			},
			"subject": func(r *rapid.T) {
				if len(in) == 0 {
					r.Skip()
				}
				h := rapid.SampledFrom(in).Draw(r, "who")
				subject := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(r, "subject")
				counted := subject != "" && limits.ConnectionsPerSub > 0
				want := true
				if counted {
					want = h.subject == subject ||
						h.subject == "" && fits(limits.ConnectionsPerSub, func(o *held) bool { return o.subject == subject })
				}
				if got := h.slot.SetSubject(subject); got != want {
					r.Fatalf("%q after %q: %v, want %v", subject, h.subject, got, want)
				}
				if counted && want {
					h.subject = subject
				}
			},
			"release": func(r *rapid.T) {
				if len(in) == 0 {
					r.Skip()
				}
				i := rapid.IntRange(0, len(in)-1).Draw(r, "who")
				in[i].slot.Release()
				in[i].slot.Release()
				in = append(in[:i], in[i+1:]...)
			},
			"": func(r *rapid.T) {
				if g.Open() != len(in) {
					r.Fatalf("%d open, want %d", g.Open(), len(in))
				}
			},
		})
	})
}

// Handlers admit, shards release, and nobody ever holds more than the limits; the
// counts of the test are taken down before Release and up after Admit, so they
// are never more than the guard's own.
func TestConcurrent(t *testing.T) {
	limits := Limits{
		Connections: 40, ConnectionsPerAddr: 15, ConnectionsPerSub: 12,
		HandshakesPerSecond: 1e8, HandshakesPerAddr: 1e8, CPURejectPercent: 1e6, MemoryBytes: 1 << 60,
	}
	g := limited(t, limits, nil)
	var open atomic.Int64
	var byAddr, bySub [4]atomic.Int64
	within := func(what string, n, limit int64) {
		if n > limit {
			t.Errorf("%d %s, the limit is %d", n, what, limit)
		}
	}
	type conn struct {
		slot      *Slot
		addr, sub int // -1: none
	}
	closing := make(chan conn, 64)
	var handlers, shards sync.WaitGroup
	var refused atomic.Int64
	for range 4 {
		shards.Go(func() {
			for c := range closing {
				open.Add(-1)
				byAddr[c.addr].Add(-1)
				if c.sub >= 0 {
					bySub[c.sub].Add(-1)
				}
				c.slot.Release()
				c.slot.Release()
			}
		})
		handlers.Go(func() {
			for range 3000 {
				c := conn{addr: rand.IntN(len(byAddr)), sub: rand.IntN(len(bySub))}
				slot, no := g.Admit(netip.AddrFrom4([4]byte{192, 0, 2, byte(c.addr)}))
				if no != nil {
					refused.Add(1)
					continue
				}
				c.slot = slot
				within("connections", open.Add(1), 40)
				within("of an address", byAddr[c.addr].Add(1), 15)
				if slot.SetSubject(fmt.Sprint(c.sub)) {
					within("of a subject", bySub[c.sub].Add(1), 12)
				} else {
					c.sub = -1
				}
				g.AddHandshake(time.Microsecond)
				_ = g.Snapshot()
				closing <- c
			}
		})
	}
	s := newSampler(g)
	for range 20 {
		s.sample()
	}
	handlers.Wait()
	close(closing)
	shards.Wait()
	if refused.Load() == 0 {
		t.Error("nothing was refused: the limits were never reached")
	}
	if g.Open() != 0 || g.addrs.keys() != 0 || g.subs.keys() != 0 {
		t.Errorf("left: %d open, %d addresses, %d subjects", g.Open(), g.addrs.keys(), g.subs.keys())
	}
}

// A client can go while its token is still looked at.
func TestSubjectAgainstRelease(t *testing.T) {
	g := limited(t, Limits{ConnectionsPerSub: 1}, nil)
	count := g.subs.part(g.subjectKey("alice"))
	for range 10 {
		slot, _ := knock(t, g, "192.0.2.1")
		stays := make(chan bool)
		count.mu.Lock()
		go func() { stays <- slot.SetSubject("alice") }()
		time.Sleep(2 * time.Millisecond) // until it waits to count
		slot.Release()
		count.mu.Unlock()
		if <-stays {
			t.Fatal("a connection that has gone may stay")
		}
		if g.subs.keys() != 0 {
			t.Fatal("a subject is counted for a connection that has gone")
		}
	}
	for range 2000 { // and in any other order
		slot, _ := knock(t, g, "192.0.2.1")
		var both sync.WaitGroup
		both.Go(func() { slot.SetSubject("alice") })
		both.Go(slot.Release)
		both.Wait()
		if g.subs.keys() != 0 {
			t.Fatal("a subject is counted for a connection that has gone")
		}
	}
}
