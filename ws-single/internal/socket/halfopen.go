package socket

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
)

const (
	// silence is what a client may take for its request when places are short. Others
	// send it together with the end of TCP's handshake.
	silence = 200 * time.Millisecond

	// thinEvery is how often, at most, the silent are searched for.
	thinEvery = 50 * time.Millisecond
)

// errThinnedOut is the end of a connection that was too slow for its place, and
// quick enough to be in the middle of its upgrade then.
var errThinnedOut = errors.New("upgrade: the connection had to make room for another")

// halfOpen counts the connections between accept and upgrade, so that clients
// who never finish a handshake cannot use up the descriptors. When all places are
// taken, those clients must not keep out the others either, /health before all: the
// ones who keep the server waiting are reset, of whichever address has most of them.
// One address may have all the places as long as it hurts nobody: a proxy, a load
// generator. Safe for concurrent use.
type halfOpen struct {
	slots   chan struct{}
	closed  chan struct{}
	once    sync.Once
	proxies []netip.Prefix // trusted: never reset, their address is everybody's

	mu      sync.Mutex
	places  []*place // in the order of accepting
	thinned time.Time
}

// place is what a connection has until its upgrade.
type place struct {
	conn  *net.TCPConn
	key   netip.Addr // as limits count it; invalid: a proxy
	since time.Time
	left  bool // under halfOpen.mu

	tail  []byte      // what was read last, four bytes at most
	asked atomic.Bool // all of the request is here: the server is next
}

func newHalfOpen(n int, proxies []netip.Prefix) *halfOpen {
	return &halfOpen{slots: make(chan struct{}, n), closed: make(chan struct{}), proxies: proxies}
}

// enter waits until there is a place.
func (h *halfOpen) enter() error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	again := time.NewTicker(thinEvery)
	defer again.Stop()
	for {
		h.thin(time.Now())
		select {
		case h.slots <- struct{}{}:
			return nil
		case <-h.closed:
			return net.ErrClosed
		case <-again.C:
		}
	}
}

// abandon gives back the place of an accept that failed.
func (h *halfOpen) abandon() { <-h.slots }

// settle gives the place to a connection.
func (h *halfOpen) settle(conn *net.TCPConn, now time.Time) *place {
	p := &place{conn: conn, since: now}
	if remote, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		addr := remote.AddrPort().Addr().Unmap().WithZone("")
		if !slices.ContainsFunc(h.proxies, func(of netip.Prefix) bool { return of.Contains(addr) }) {
			p.key = guard.LimitKey(addr)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places = append(h.places, p)
	return p
}

// leave gives p back, and reports whether it had not been given back before.
func (h *halfOpen) leave(p *place) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.left {
		return false
	}
	p.left = true
	i := slices.Index(h.places, p)
	h.places = slices.Delete(h.places, i, i+1)
	<-h.slots
	return true
}

// thin resets clients who keep the server waiting, at most half of all places at a
// time. That goes on while there are too few: searching for one at a time would cost
// more than a handshake.
func (h *halfOpen) thin(now time.Time) {
	for _, p := range h.slowest(now, max(1, cap(h.slots)/2)) {
		// Who has just been upgraded is somebody else's, and so is its descriptor;
		// who has asked meanwhile may stay.
		if p.silent() && h.leave(p) {
			_ = p.conn.SetLinger(0) // so that no TIME_WAIT stays of it
			_ = p.conn.Close()
		}
	}
}

// slowest picks up to most places to give to others: one after the other, the
// longest silent of the address that then has most silent ones.
func (h *halfOpen) slowest(now time.Time, most int) (picked []*place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.thinned) < thinEvery {
		return nil
	}
	h.thinned = now
	var groups [][]*place
	index := make(map[netip.Addr]int)
	for _, p := range h.places {
		if now.Sub(p.since) < silence {
			break // and so all that follow
		}
		if !p.key.IsValid() || !p.silent() {
			continue
		}
		i, ok := index[p.key]
		if !ok {
			i = len(groups)
			index[p.key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	for len(picked) < most {
		largest := 0
		for i := range groups {
			if len(groups[i]) > len(groups[largest]) {
				largest = i
			}
		}
		if len(groups) == 0 || len(groups[largest]) == 0 {
			break
		}
		picked = append(picked, groups[largest][0])
		groups[largest] = groups[largest][1:]
	}
	return picked
}

func (h *halfOpen) close() { h.once.Do(func() { close(h.closed) }) }

// read takes note of what came. A request ends with an empty line: those to this
// server have no body.
func (p *place) read(b []byte) {
	p.tail = append(p.tail, b[max(0, len(b)-4):]...)
	p.tail = p.tail[max(0, len(p.tail)-4):]
	if string(p.tail) == "\r\n\r\n" {
		p.asked.Store(true)
	}
}

// silent reports whether nothing can be done before the client sends more. What lies
// in the kernel yet, the server has to read: it is busy.
func (p *place) silent() bool {
	if p.asked.Load() {
		return false
	}
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	if err := raw.Control(func(fd uintptr) { waiting = unread(int(fd)) == 0 }); err != nil {
		return false // it is being closed
	}
	return waiting
}
