package guard

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"
)

func TestAddrKey(t *testing.T) {
	same := [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"fe80::1%eth0", "fe80::2%eth1"},
		{"::", "::1"},
	}
	for _, pair := range same {
		if a, b := addrKey(netip.MustParseAddr(pair[0])), addrKey(netip.MustParseAddr(pair[1])); a != b {
			t.Errorf("%s is %x and %s is %x, want the same", pair[0], a, pair[1], b)
		}
	}
	seen := map[uint64]netip.Addr{}
	for _, s := range []string{
		"0.0.0.0", "192.0.2.1", "192.0.2.2", "255.255.255.255", "::1", "::1:0:0:0:0", "::c000:201:0:0:0:0",
		"2001:db8::1", "2001:db8:0:1::1", "64:ff9b::192.0.2.1",
	} {
		addr := netip.MustParseAddr(s)
		if other, ok := seen[addrKey(addr)]; ok {
			t.Errorf("%s and %s count as one", addr, other)
		}
		seen[addrKey(addr)] = addr
	}
	if other, ok := seen[addrKey(netip.Addr{})]; ok {
		t.Errorf("no address counts as %s", other)
	}
}

func TestAddrRate(t *testing.T) {
	type at struct {
		ms   int
		pass bool
	}
	for name, test := range map[string]struct {
		perSecond float64
		knocks    []at
	}{
		"the least burst": {1, []at{
			{0, true}, {0, true}, {0, true}, {0, true}, {0, true}, {0, false},
			{999, false}, {1000, true}, {1000, false},
			{4500, true}, {4500, true}, {4500, true}, {4500, false},
		}},
		"two seconds' burst": {4, []at{
			{0, true}, {0, true}, {0, true}, {0, true}, {0, true}, {0, true}, {0, true}, {0, true}, {0, false},
			{249, false}, {250, true}, {499, false}, {500, true},
		}},
		"no more than the burst after a long time": {1, []at{
			{0, true},
			{1e6, true}, {1e6, true}, {1e6, true}, {1e6, true}, {1e6, true}, {1e6, false},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newAddrRates(test.perSecond, 1)
			for i, k := range test.knocks {
				if got := r.allow(7, time.Duration(k.ms)*time.Millisecond); got != k.pass {
					t.Errorf("knock %d, after %d ms: %v", i, k.ms, got)
				}
			}
		})
	}
}

// While the addresses fit, each is limited as if it were alone.
func TestAddrRatesAreIndependent(t *testing.T) {
	together := newAddrRates(2, 1)
	var alone [addrRateWays]*addrRates
	for i := range alone {
		alone[i] = newAddrRates(2, 1)
	}
	now, refused := time.Duration(0), 0
	for i := range 20_000 {
		key := uint64(rand.IntN(len(alone)))
		now += time.Duration(rand.IntN(100)) * time.Millisecond
		got, want := together.allow(key, now), alone[key].allow(key, now)
		if got != want {
			t.Fatalf("knock %d: %v, alone %v", i, got, want)
		}
		if !got {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// A storm from new addresses pushes out idle ones before busy ones, grows
// nothing, and does not let the busy one through.
func TestAddrRatesInAStorm(t *testing.T) {
	r := newAddrRates(10, 4)
	const busy = 1
	passed := 0
	for i := range 100_000 { // 100 s, ten new addresses between two knocks
		now := time.Duration(i) * time.Millisecond
		if i%10 == 0 {
			if r.allow(busy, now) {
				passed++
			}
			continue
		}
		if !r.allow(uint64(1000+i), now) {
			t.Fatalf("a new address was refused at %v", now)
		}
	}
	if most := 100*10 + 20; passed < 100*10 || passed > most {
		t.Errorf("the busy one passed %d times, want 1,000 and a burst of 20", passed)
	}
	if n := unsafe.Sizeof(addrRateSet{}); n > 128 {
		t.Errorf("a set takes %d bytes, more than two cache lines", n)
	}
}
