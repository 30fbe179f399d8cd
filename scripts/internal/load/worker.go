package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// worker is one process of connections. Everything belongs to the goroutine of Serve; there is no other.
type worker struct {
	in      *os.File
	out     io.Writer
	line    []byte // what has come of the next order
	setup   setup
	plan    *scenario.Plan
	dialect dialect
	target  netip.AddrPort
	seed    uint64
	quit    bool

	epoll  int
	events []unix.EpollEvent
	again  []unix.EpollEvent // connections that had more than their turn's share to read
	buf    []byte            // of every read
	needed int               // so long a frame has begun

	conns      []conn
	held       []holding // of all connections, each one's in a row
	at         []int64   // ws: of all connections, partitions for each
	partitions int
	logs       []string // names of cursors' logs
	names      []string // of channels, as far as they were needed
	free       [26][][]byte
	fragments  map[int32][]byte
	scratch    []byte // commands
	frame      []byte // and their frames

	live    int     // connections that are subscribed
	shaking int     // that are coming
	queue   []int32 // to be dialed, from next on
	next    int
	timed   []int32 // that wait for a time, and some that do not any more

	commandBytes int     // the server's limits
	commandsPerS float64 // 0: none

	job     job
	counts  Counts
	latency *hdrhistogram.Histogram
	last    lastReads
	used    usage  // so far; its clocks are read when it is asked for
	begun   usage  // when the slice began
	before  Faults // of before the cut
	slice   bool   // between begin and end
}

// What one turn does at most.
const (
	maxEvents  = 512
	maxReads   = 8 // of one connection
	readBuffer = 64 << 10
	maxOrder   = 1 << 20
)

// Serve is a worker: it does what the lines of in tell it, answers on out, and returns when in has ended or tells it to.
// All its connections are then closed by RST. It wants a process of its own: it changes the limit of open files and
// the number of threads that run Go.
func Serve(in *os.File, out io.Writer) error {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := raiseOpenFiles(); err != nil {
		return err
	}
	// Clients are on other machines where it is real: broker and publisher are not to take their time. Who may not do that
	// is told of it by the time that is waited.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, priority)
	w := newWorker()
	w.in, w.out = in, out
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("make epoll set: %w", err)
	}
	defer unix.Close(w.epoll)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: orders}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, int(in.Fd()), &event); err != nil {
		return fmt.Errorf("wait for orders, which must come from a pipe: %w", err)
	}
	defer w.cut()
	return w.run()
}

// orders stands for the standard input where events name a connection.
const orders = -1

func newWorker() *worker {
	return &worker{
		buf:    make([]byte, readBuffer),
		events: make([]unix.EpollEvent, maxEvents),
		// Made wider when there are more.
		partitions:   12,
		logs:         []string{""},
		fragments:    map[int32][]byte{},
		seed:         rand.Uint64(),
		commandBytes: commandBytes,
		latency:      newHistogram(),
	}
}

func raiseOpenFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise limit of open files to %d: %w", limit.Max, err)
	}
	return nil
}

// run is the loop.
func (w *worker) run() error {
	for !w.quit {
		n, err := w.wait()
		if err != nil {
			return err
		}
		// The list grows while it is worked on: those of the next turn are behind its end.
		more := len(w.again)
		for _, event := range w.events[:n] {
			if event.Fd == orders {
				if err := w.takeOrders(); err != nil {
					return err
				}
				continue
			}
			w.ready(event)
		}
		for _, event := range w.again[:more] {
			w.ready(event)
		}
		w.again = slices.Delete(w.again, 0, more)
		w.advance()
	}
	return nil
}

// Times a turn may wait, in ms.
const (
	fineWait = 5  // while something waits for a time
	jobWait  = 50 // while there is progress to tell
)

// priority is the worker's nice value.
const priority = -10

// behindPriority is that of one whose latencies nobody looks at.
const behindPriority = 10

// nap is how long a worker sleeps, while something is measured, when there is nothing to read: so much later than the
// message it may look at the clock.
const nap = 200 * time.Microsecond

// wait returns how many events there are. It looks first, and only when there are none sleeps.
//
// While something is measured it sleeps on the clock and not on its sockets. A client that sleeps on its socket is woken
// by whoever sends, and if that is a process of the same machine, the waking is on the sender's account: an interrupt
// from core to core for each delivery, which costs as much as the send, which no client on another machine causes, and which
// falls away when the client is busy. That would measure the generator's mood.
func (w *worker) wait() (int, error) {
	n, errno := poll(w.epoll, w.events)
	if errno == 0 && n > 0 || len(w.again) > 0 {
		return max(n, 0), nil
	}
	if w.slice {
		w.used.nap()
		n, errno := poll(w.epoll, w.events)
		if errno != 0 && errno != unix.EINTR {
			return 0, fmt.Errorf("look for events: %w", errno)
		}
		return max(n, 0), nil
	}
	ms := -1
	switch {
	case len(w.timed) > 0:
		ms = fineWait
	case w.job.kind != none:
		ms = jobWait
	}
	n, err := unix.EpollWait(w.epoll, w.events, ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("wait for events: %w", err)
	}
	return max(n, 0), nil
}

// ready does what an event says about a connection.
func (w *worker) ready(event unix.EpollEvent) {
	i := event.Fd
	c := &w.conns[i]
	if c.fd < 0 || c.stalled || c.gen != uint32(event.Pad) {
		return // of a socket that was closed in this turn
	}
	if c.step == connecting {
		if event.Events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
			return
		}
		if w.connected(i); c.fd < 0 {
			return
		}
	}
	if event.Events&unix.EPOLLOUT != 0 && len(c.out) > 0 {
		if w.flush(i); c.fd < 0 {
			return
		}
	}
	if event.Events&(unix.EPOLLIN|ends) != 0 {
		w.readable(event)
	}
}

// ends are the events after which another recv(2) has something to tell, whatever the last one brought.
const ends = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR

// readable reads what there is.
func (w *worker) readable(event unix.EpollEvent) {
	i := event.Fd
	c := &w.conns[i]
	for range maxReads {
		if len(w.buf) < w.needed {
			w.buf = make([]byte, 2*w.needed)
		}
		begin := copy(w.buf, c.rest)
		n, errno := read(c.fd, w.buf[begin:])
		now := time.Now().UnixMicro()
		switch {
		case errno == syscall.EAGAIN:
			return
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			w.gone(i, reason(errno))
			return
		case n == 0:
			w.gone(i, hungUp)
			return
		}
		p := w.buf[:begin+n]
		used := w.received(i, p, now)
		if used < 0 {
			if c.step == closing && c.fd >= 0 {
				w.release(c)
				continue // until the server hangs up
			}
			return
		}
		w.keep(c, p[used:])
		if begin+n < len(w.buf) && event.Events&ends == 0 {
			return
		}
	}
	w.again = append(w.again, event)
}

// received is what one recv(2) brought, behind what was left of the one before.
func (w *worker) received(i int32, p []byte, now int64) (used int) {
	c := &w.conns[i]
	if c.step == closing {
		return len(p)
	}
	if c.step == upgrading {
		if used = w.upgraded(i, p); used <= 0 {
			return used
		}
	}
	taken := w.take(i, p[used:], now)
	if taken < 0 {
		return -1
	}
	return used + taken
}

// need notes how long a frame is that was not there whole.
func (w *worker) need(frame int) { w.needed = max(w.needed, frame) }

// sendFrame sends one frame.
func (w *worker) sendFrame(i int32, op byte, payload []byte) {
	w.frame = appendFrame(w.frame[:0], op, rand.Uint32(), payload)
	w.send(i, w.frame)
}

// send sends p, at once as far as the socket takes it.
func (w *worker) send(i int32, p []byte) {
	c := &w.conns[i]
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return
	}
	n, errno := send(c.fd, p)
	switch errno {
	case 0:
	case syscall.EAGAIN, syscall.EINTR:
		n = 0
	default:
		w.gone(i, reason(errno))
		return
	}
	if n < len(p) {
		c.out = append(c.out, p[n:]...) // the next edge comes with room
	}
}

func (w *worker) flush(i int32) {
	c := &w.conns[i]
	out := c.out
	c.out = nil
	w.send(i, out)
}

// takeOrders reads lines, and does what they say.
func (w *worker) takeOrders() error {
	var chunk [16 << 10]byte
	n, err := unix.Read(int(w.in.Fd()), chunk[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read orders: %w", err)
	case n == 0: // whoever gave them is gone
		w.quit = true
		return nil
	}
	w.line = append(w.line, chunk[:n]...)
	for {
		line, rest, ok := bytes.Cut(w.line, []byte("\n"))
		if !ok {
			if len(w.line) > maxOrder {
				return fmt.Errorf("read orders: a line of more than %d bytes", maxOrder)
			}
			return nil
		}
		var o order
		if err := json.Unmarshal(line, &o); err != nil {
			return fmt.Errorf("read order %.100q: %w", line, err)
		}
		w.line = append(w.line[:0], rest...)
		if err := w.do(&o); err != nil {
			return err
		}
	}
}

func (w *worker) tell(r report) error {
	r.Live = w.live
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := w.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
