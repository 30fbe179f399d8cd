package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Condition is what a line does with what the server sends.
type Condition string

// A line passes everything, passes slowBytes a second, or passes nothing and refuses.
const (
	Normal Condition = "normal"
	Slow   Condition = "slow"
	Cut    Condition = "cut"
)

const (
	// slowBytes is what a slow line takes from the server in a second: well below what a busy market brings.
	slowBytes = 4 << 10
	// slowTick is how often it takes its share. In between nobody reads, so the server's socket is truly full.
	slowTick = 100 * time.Millisecond
	// receiveBuffer keeps the kernel from hiding a slow line: by default it would take in megabytes for it.
	receiveBuffer = 32 << 10
	dialTimeout   = 5 * time.Second
)

// Upstream is one instance of a server, to which a line leads.
type Upstream struct {
	Name   string // the server's
	Number int    // the instance's, counted from 1
	Addr   string // host:port
}

// Lines are the lines by their ids, each of which a page chooses for itself. All methods may be called by any goroutine.
type Lines struct {
	upstream func(server string) (Upstream, bool)
	started  int64 // Unix milliseconds; tells a page that it talks to another demo than the one it was loaded from

	mu    sync.Mutex
	lines map[string]*Line
	done  bool
	wg    sync.WaitGroup // the links that are open
}

// Line is one client's way to a server. Its condition and its direction outlive its connections.
type Line struct {
	mu        sync.Mutex
	condition Condition
	until     time.Time
	changed   chan struct{} // closed when the condition changes
	links     map[*link]struct{}
	to        string    // the server that new links go to; empty: the first
	last      Upstream  // where the last link went
	asked     time.Time // when it was last asked for by its id; guarded by Lines.mu
}

// link is one connection through a line: the page's socket and the server's.
type link struct {
	page, server *net.TCPConn
}

// NewLines makes lines that lead to wherever upstream says, when a link is opened, that a server is. It is asked for the
// empty name until a line is given a direction.
func NewLines(upstream func(server string) (Upstream, bool)) *Lines {
	return &Lines{upstream: upstream, started: time.Now().UnixMilli(), lines: make(map[string]*Line)}
}

// maxLines bounds the memory that ids can take. A page uses a few, and others each time it is loaded.
const maxLines = 1000

var errTooManyLines = errors.New("too many lines: close some of the demo's pages")

func (ls *Lines) get(id string) (*Line, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.lines[id]
	if l == nil {
		if ls.done || len(ls.lines) == maxLines && !ls.forget() {
			return nil, errTooManyLines
		}
		l = &Line{condition: Normal, changed: make(chan struct{}), links: make(map[*link]struct{})}
		ls.lines[id] = l
	}
	l.asked = time.Now()
	return l, nil
}

// forget gives up the line that has been idle for longest: its page is gone, most likely. It is false when none is idle.
// It needs ls.mu.
func (ls *Lines) forget() bool {
	oldest := ""
	for id, l := range ls.lines {
		if l.idle() && (oldest == "" || l.asked.Before(ls.lines[oldest].asked)) {
			oldest = id
		}
	}
	delete(ls.lines, oldest)
	return oldest != ""
}

// idle says whether a line has nothing but its direction.
func (l *Line) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _ := l.now()
	return c == Normal && len(l.links) == 0
}

// Set puts a line into a condition, for a time or until it is set anew. Cutting resets its connections.
func (l *Line) Set(c Condition, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.condition = c
	l.until = time.Now().Add(d)
	close(l.changed)
	l.changed = make(chan struct{})
	if c == Cut {
		for k := range l.links {
			k.reset()
		}
	}
}

// Condition returns what the line does now, for how long yet, and where it last led to.
func (l *Line) Condition() (c Condition, left time.Duration, last Upstream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, left = l.now()
	return c, left, l.last
}

// Turn leads new links to a server; those that are open stay where they are.
func (l *Line) Turn(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = server
}

// direction is the server that new links go to.
func (l *Line) direction() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to
}

// now needs l.mu.
func (l *Line) now() (Condition, time.Duration) {
	if left := time.Until(l.until); l.condition != Normal && left > 0 {
		return l.condition, left
	}
	return Normal, 0
}

// ServeHTTP takes a WebSocket's upgrade request off the HTTP server and carries its bytes until one side ends.
func (ls *Lines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("line")
	line, err := ls.get(id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	k := &link{page: conn.(*net.TCPConn)}
	if c, _, _ := line.Condition(); c == Cut {
		k.reset()
		return
	}
	up, ok := ls.upstream(line.direction())
	if !ok {
		k.reset()
		return
	}
	k.server, err = dialServer(r.Context(), up.Addr)
	if err != nil {
		k.reset()
		return
	}
	if !line.add(k, up) || !ls.begin(id, line) {
		k.reset()
		return
	}
	defer ls.wg.Done()
	defer line.remove(k)
	var early []byte // what the page sent behind its request
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ = buffered.Peek(n)
	}
	if r.Write(k.server) != nil {
		k.reset()
		return
	}
	if _, err := k.server.Write(early); err != nil {
		k.reset()
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, err := io.Copy(k.server, struct{ io.Reader }{k.page})
		k.end(err, k.server)
	})
	both.Go(func() { k.end(line.carry(k.page, k.server), k.page) })
	both.Wait()
	k.page.Close()
	k.server.Close()
}

// begin counts a link. It is false when the lines are closed, or this one was forgotten meanwhile: then Close would miss it.
func (ls *Lines) begin(id string, l *Line) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.done || ls.lines[id] != l {
		return false
	}
	ls.wg.Add(1)
	return true
}

// Close resets what is open and waits for its goroutines.
func (ls *Lines) Close() {
	ls.mu.Lock()
	ls.done = true
	for _, l := range ls.lines {
		l.Set(Cut, time.Hour)
	}
	ls.mu.Unlock()
	ls.wg.Wait()
}

func (l *Line) add(k *link, up Upstream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, _ := l.now(); c == Cut {
		return false
	}
	l.links[k] = struct{}{}
	l.last = up
	return true
}

func (l *Line) remove(k *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.links, k)
}

// carry copies from the server to the page as fast as the line's condition allows.
func (l *Line) carry(page io.Writer, server io.Reader) error {
	buf := make([]byte, 16<<10)
	tick := time.NewTicker(slowTick)
	defer tick.Stop()
	for {
		l.mu.Lock()
		c, left := l.now()
		changed := l.changed
		l.mu.Unlock()
		share := len(buf)
		if c == Slow {
			share = slowBytes * int(slowTick/time.Millisecond) / 1000
			select {
			case <-tick.C:
			case <-changed:
				continue
			case <-time.After(left):
				continue
			}
		}
		n, err := server.Read(buf[:share])
		if n > 0 {
			if _, werr := page.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err != nil {
			return err
		}
	}
}

// end passes on how one side ended: its end of stream, or a reset.
func (k *link) end(err error, other *net.TCPConn) {
	if err == nil || errors.Is(err, io.EOF) {
		_ = other.CloseWrite()
		return
	}
	k.reset()
}

// reset closes both sides the hard way: what is under way is lost, as when a cable is pulled out and somebody notices.
func (k *link) reset() {
	for _, c := range []*net.TCPConn{k.page, k.server} {
		if c != nil {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
}

// dialServer connects with a small receive buffer, which has to be set before the handshake.
func dialServer(ctx context.Context, addr string) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: func(_, _ string, raw syscall.RawConn) error {
		var serr error
		err := raw.Control(func(fd uintptr) {
			serr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		})
		return errors.Join(err, serr)
	}}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	return c.(*net.TCPConn), nil
}
