package guard

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// addrKey is an address as limits count it, in 8 bytes. Of IPv6 it is the /64,
// which is what one subscriber gets (RFC 6177): who has one has 2^64 addresses.
// IPv4, also when written as IPv6, lies among the multicast prefixes (ff00::/8,
// RFC 4291 section 2.7), which no client comes from; what is no address at all
// is the last of these.
func addrKey(addr netip.Addr) uint64 {
	const multicast = 0xff << 56
	addr = addr.Unmap()
	switch {
	case addr.Is4():
		b := addr.As4()
		return multicast | uint64(binary.BigEndian.Uint32(b[:]))
	case addr.Is6():
		b := addr.As16()
		return binary.BigEndian.Uint64(b[:8])
	}
	return 1<<64 - 1
}

// addrRates limits each address's handshakes by GCRA, the token bucket that is
// one time: when the bucket is full again (ITU-T I.371). A time that has passed
// says no more than none at all, and may be forgotten.
//
// Memory is fixed: the times lie in sets of seven, two cache lines with their
// lock, an address's set is found by its hash, and in a set that is full the
// address whose bucket is full soonest makes room. So a storm from ever new
// addresses costs no memory; what it can do, with more addresses at once than
// there are places, is to have its own forgotten early, each with a burst to
// spare. The pace of all handshakes still holds then.
type addrRates struct {
	every time.Duration // between two handshakes
	fill  time.Duration // from empty to full
	seed  maphash.Seed  // so that nobody can aim at one set
	sets  []addrRateSet // a power of two
}

type addrRateSet struct {
	mu   sync.Mutex
	keys [addrRateWays]uint64
	full [addrRateWays]time.Duration // since Guard.began
}

const (
	addrRateWays = 7
	addrRateSets = 1 << 13 // 57,344 addresses in 1 MiB

	// addrBurst is the least that an address may do at once: a page with a few
	// tabs that comes back.
	addrBurst = 5

	// slowestAddrRate keeps times within int64.
	slowestAddrRate = 0.001
)

func newAddrRates(perSecond float64, sets int) *addrRates {
	burst := max(addrBurst, 2*perSecond)
	return &addrRates{
		every: time.Duration(float64(time.Second) / perSecond),
		fill:  time.Duration(float64(time.Second) / perSecond * burst),
		seed:  maphash.MakeSeed(),
		sets:  make([]addrRateSet, sets),
	}
}

// allow takes a handshake of the address at now, or refuses it, which costs the
// address nothing.
func (r *addrRates) allow(key uint64, now time.Duration) bool {
	set := &r.sets[maphash.Comparable(r.seed, key)&uint64(len(r.sets)-1)]
	set.mu.Lock()
	defer set.mu.Unlock()
	place, full := 0, now
	for i, k := range set.keys {
		if k == key {
			place, full = i, max(now, set.full[i])
			break
		}
		if set.full[i] < set.full[place] {
			place = i
		}
	}
	if full += r.every; full-now > r.fill {
		return false
	}
	set.keys[place], set.full[place] = key, full
	return true
}
