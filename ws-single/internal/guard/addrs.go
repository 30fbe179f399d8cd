package guard

import (
	"net/netip"
	"sync"
	"time"
)

// LimitKey is the address that limits count: an IPv4 address itself, also when
// written as IPv6, and of an IPv6 address its /64, which is what one subscriber
// is given (RFC 6177): counting single addresses would count nothing.
func LimitKey(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	net64, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return net64.Addr()
}

// addrRate limits the handshakes of each address, in bounded memory: a storm
// from ever new addresses must not grow it.
//
// Each address has one time, when its bucket is full again (the "theoretical
// arrival time" of GCRA, ITU-T I.371); one in the past says as much as none. The
// times live in two generations of at most max addresses each. A generation that
// is older than a bucket takes to fill holds nothing but full buckets, and is
// dropped whole. When there are more than max addresses in that time, the oldest
// are forgotten early, which lets them have their burst again: the limit on all
// handshakes together still holds.
type addrRate struct {
	every time.Duration // between two handshakes
	fill  time.Duration // from empty to full: burst x every
	max   int           // addresses a generation

	mu       sync.Mutex
	now, old map[netip.Addr]time.Time
	born     time.Time // when now was begun
}

// newAddrRate allows perSecond handshakes a second, burst at once. burst is
// what a page with a few tabs needs when it comes back.
func newAddrRate(perSecond float64, burst, maxAddrs int) *addrRate {
	every := time.Duration(float64(time.Second) / perSecond)
	return &addrRate{
		every: every,
		fill:  every * time.Duration(burst),
		max:   maxAddrs,
		now:   make(map[netip.Addr]time.Time),
	}
}

func (r *addrRate) allow(key netip.Addr, t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.now) >= r.max || t.Sub(r.born) >= r.fill {
		r.old, r.now, r.born = r.now, make(map[netip.Addr]time.Time), t
	}
	full, ok := r.now[key]
	if !ok {
		full = r.old[key]
	}
	if full.Before(t) {
		full = t
	}
	full = full.Add(r.every)
	if full.Sub(t) > r.fill {
		return false
	}
	r.now[key] = full
	return true
}

func (r *addrRate) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.now) + len(r.old)
}
