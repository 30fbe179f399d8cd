package socket

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// patience is how long a client may keep a place that others want, and say
	// nothing. A request follows the end of the TCP handshake at once, so that is
	// long. 400 places come free at 2,000 a second, the pace of accepting.
	patience = 200 * time.Millisecond

	// lookPause is the shortest time between two looks for the silent.
	lookPause = 50 * time.Millisecond
)

// lobby has a place for each connection between accept and upgrade. While there are
// places, nobody is looked at. When there are none, those who wait in the backlog
// must not wait for clients that say nothing: one host could fill all places with
// such, and nobody else would come in, no health check either. So then the silent
// leave, first those of the address that has most, the oldest first.
//
// Silent is who has not sent its whole request and has nothing unread in the kernel.
// Who waits for the server, in a wave of reconnects perhaps, keeps its place, and the
// wave waits in the backlog as ever. It is not bounded per address before all places
// are taken, since a proxy or a company's gateway is one address for many clients.
type lobby struct {
	size    int
	trusted []netip.Prefix
	places  *semaphore.Weighted

	mu     sync.Mutex
	looked time.Time                    // for whom to send away, last
	guests map[netip.Prefix][]*halfOpen // by origin, the oldest first; none of trusted proxies
}

func newLobby(size int, trusted []netip.Prefix) *lobby {
	return &lobby{
		size: size, trusted: trusted, places: semaphore.NewWeighted(int64(size)),
		guests: make(map[netip.Prefix][]*halfOpen),
	}
}

// take takes a place, or makes one and waits for it until ctx is done.
func (l *lobby) take(ctx context.Context) error {
	for !l.places.TryAcquire(1) {
		l.makeRoom(time.Now())
		turn, end := context.WithTimeout(ctx, lookPause)
		err := l.places.Acquire(turn, 1)
		end()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// give gives a place back.
func (l *lobby) give() { l.places.Release(1) }

// enter notes who has taken a place, unless it is a trusted proxy: its address is
// all clients', and it keeps the silent ones away by itself.
func (l *lobby) enter(c *halfOpen) {
	addr := addrOf(c)
	if slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return
	}
	c.origin = originOf(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests[c.origin] = append(l.guests[c.origin], c)
}

// leave gives back the place of who entered.
func (l *lobby) leave(c *halfOpen) {
	l.mu.Lock()
	of := l.guests[c.origin]
	if i := slices.Index(of, c); i >= 0 {
		of = slices.Delete(of, i, i+1)
		l.guests[c.origin] = of
	}
	if len(of) == 0 {
		delete(l.guests, c.origin)
	}
	l.mu.Unlock()
	l.give()
}

// makeRoom sends the silent away, as many as half the places: to look at everybody
// for each newcomer would cost more than the newcomer.
func (l *lobby) makeRoom(now time.Time) {
	silent := l.silent(now)
	for _, s := range silent[:min(len(silent), max(1, l.size/2))] {
		if s.isSilent() { // it may have asked since
			s.reset()
		}
	}
}

// silent returns who may be sent away, those first that are to go first; nobody if
// it was asked a moment ago.
func (l *lobby) silent(now time.Time) []*halfOpen {
	type guest struct {
		*halfOpen
		crowd int // how many its origin has when its turn comes
	}
	var all []guest
	l.mu.Lock()
	if now.Sub(l.looked) >= lookPause {
		l.looked = now
		for _, of := range l.guests {
			crowd := len(of)
			for _, c := range of {
				if now.Sub(c.since) >= patience && c.isSilent() {
					all = append(all, guest{c, crowd})
					crowd--
				}
			}
		}
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b guest) int {
		return cmp.Or(cmp.Compare(b.crowd, a.crowd), a.since.Compare(b.since))
	})
	order := make([]*halfOpen, len(all))
	for i, g := range all {
		order[i] = g.halfOpen
	}
	return order
}

// addrOf is a connection's other end, which a proxy may be.
func addrOf(c *halfOpen) netip.Addr {
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return remote.AddrPort().Addr().Unmap().WithZone("")
}

// originOf is who counts as one: an IPv4 address, and of IPv6 a /64, which one
// subscriber has (RFC 6177).
func originOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	origin, _ := addr.Prefix(bits) // of no address: the zero Prefix, one origin too
	return origin
}

// halfOpen is a connection before its upgrade. Whatever becomes of it, somebody
// closes it: net/http, gorilla when the handshake fails, Upgrade when it has taken
// the descriptor. So Close is where its place is given back.
type halfOpen struct {
	*net.TCPConn
	lobby   *lobby // nil: no bound
	since   time.Time
	origin  netip.Prefix // of lobby.guests
	closed  atomic.Bool
	claimed atomic.Bool // by a reset or by the upgrade

	tail  uint32      // the last four bytes read; of whoever reads, one at a time
	asked atomic.Bool // the whole request was read
}

// emptyLine ends the head of a request, and no request to this server has more
// (RFC 9112 section 2.1).
const emptyLine = '\r'<<24 | '\n'<<16 | '\r'<<8 | '\n'

// Read reads, and looks out for the end of the request.
func (c *halfOpen) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	for _, char := range b[max(0, n-4):max(0, n)] {
		c.tail = c.tail<<8 | uint32(char)
	}
	if c.tail == emptyLine {
		c.asked.Store(true)
	}
	return n, err
}

// isSilent reports whether it is the client's turn and not the server's.
func (c *halfOpen) isSilent() bool {
	if c.asked.Load() {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	unread := 0
	err = raw.Control(func(fd uintptr) { unread = FD(fd).Unread() })
	return err == nil && unread == 0 // an error: it has just been closed
}

// claim decides between a reset and the upgrade: only one of them has the
// descriptor, since a copy of it would be reset, too.
func (c *halfOpen) claim() bool { return c.claimed.CompareAndSwap(false, true) }

// reset closes a connection of which nothing is to be left in the kernel, as
// TIME_WAIT would be.
func (c *halfOpen) reset() {
	if c.claim() {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

// Close closes the connection. Only the first of several calls counts for the
// place; net/http closes some connections twice.
func (c *halfOpen) Close() error {
	err := c.TCPConn.Close()
	if c.closed.CompareAndSwap(false, true) && c.lobby != nil {
		c.lobby.leave(c)
	}
	return err
}
