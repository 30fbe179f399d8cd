package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Times of a connection's coming, in µs.
const (
	handshakeTimeout = 15_000_000 // from connect(2) to the acknowledgement
	hangUpTimeout    = 2_000_000  // for the server to close after the closing handshake
	firstBackoff     = 20_000     // the upper bound of the first wait; it doubles with each refusal
	longestBackoff   = 2_000_000
	longestRetry     = 10 // seconds of a Retry-After that are respected
)

// sources is how many addresses of its own a worker connects from: an address has 28,000 ports, and the fuller it is the
// longer the kernel searches for a free one.
const sources = 8

// source is the address a connection comes from; none when the server is not on this machine's loopback.
func (w *worker) source(i int32) netip.Addr {
	if !w.target.Addr().IsLoopback() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, byte(1 + w.setup.Number%250), byte(1 + i%sources)})
}

// to takes a connection to another step of its life.
func (w *worker) to(c *conn, s step) {
	if c.step.shaking() {
		w.shaking--
	}
	if c.step == live {
		w.live--
	}
	c.step = s
	if s.shaking() {
		w.shaking++
	}
	if s == live {
		w.live++
	}
}

// enqueue is for a connection that is to be dialed.
func (w *worker) enqueue(i int32) {
	w.to(&w.conns[i], queued)
	w.queue = append(w.queue, i)
}

// fill dials from the queue as many as may be in flight.
func (w *worker) fill() {
	for w.next < len(w.queue) && w.shaking < w.job.flight {
		i := w.queue[w.next]
		w.next++
		if w.conns[i].step == queued {
			w.dial(i)
		}
	}
	if w.next == len(w.queue) {
		w.queue, w.next = w.queue[:0], 0
	}
}

// dial opens a connection's socket.
func (w *worker) dial(i int32) {
	c := &w.conns[i]
	now := time.Now().UnixMicro()
	if c.began == 0 {
		c.began = now
	}
	if !c.resumes {
		w.forget(i)
	}
	c.gen++
	c.seq, c.from, c.upTo, c.acks, c.command = 0, 0, 0, 0, 0
	c.replayed, c.unwelcome = false, false
	fd, err := open(w.target, w.source(i), c.stalls)
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		w.fail(fmt.Errorf("%w: %d are open; raise the limit of open files (ulimit -n), or use more processes", err, w.live+w.shaking))
		return
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ETIMEDOUT):
		w.refused(i, reason(err), 0)
		return
	case err != nil:
		w.fail(fmt.Errorf("connect to %s: %w", w.target, err))
		return
	}
	c.fd = int32(fd)
	w.to(c, connecting)
	w.await(i, now+handshakeTimeout)
	// Edges only: after a read that brought less than there was room for nothing is left, and the kernel need not look
	// at the socket again.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: i, Pad: int32(c.gen)}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		w.fail(fmt.Errorf("add socket to epoll: %w", err))
	}
}

// connected goes on when the kernel says how connect(2) ended.
func (w *worker) connected(i int32) {
	c := &w.conns[i]
	if errno := failure(c.fd); errno != 0 {
		w.refused(i, reason(errno), 0)
		return
	}
	w.to(c, upgrading)
	w.scratch = w.appendRequest(w.scratch[:0], w.key(i))
	w.send(i, w.scratch)
}

// subscribe sends the next command of a connection that has channels to subscribe to yet.
func (w *worker) subscribe(i int32) {
	c := &w.conns[i]
	w.to(c, subscribing)
	w.scratch = w.appendCommand(w.scratch[:0], i)
	if len(w.scratch) > w.commandBytes {
		w.fail(fmt.Errorf("resume %d channels: the command has %d bytes, the server takes %d; set WS_MESSAGE_BYTES for it",
			c.held, len(w.scratch), w.commandBytes))
		return
	}
	w.sendFrame(i, opText, w.scratch)
}

// acknowledged goes on when an answer to the command has come.
func (w *worker) acknowledged(i int32, now int64) {
	c := &w.conns[i]
	if c.acks--; c.acks > 0 {
		return
	}
	c.from = c.upTo
	if c.from < c.held {
		if w.commandsPerS > 0 {
			w.to(c, pausing)
			w.await(i, now+int64(1e6/w.commandsPerS))
			return
		}
		w.subscribe(i)
		return
	}
	w.to(c, live)
	c.due, c.tries = 0, 0
	w.job.lastLive = now
	// Within the histogram's bounds, so there is no error.
	_ = w.job.took.RecordValue(min(max(now-c.began, 1), longest))
	c.began = 0
}

// pause waits before the same command is sent again.
func (w *worker) pause(i int32, now int64) {
	c := &w.conns[i]
	c.tries = min(c.tries+1, 100)
	w.to(c, pausing)
	w.await(i, now+backoff(c.tries)+firstBackoff)
}

// refused counts why a connection did not come to be, and tries again later.
func (w *worker) refused(i int32, why string, retryAfter int) {
	c := &w.conns[i]
	w.hangUp(i)
	w.job.refuse(why)
	c.tries = min(c.tries+1, 100)
	w.to(c, waiting)
	w.await(i, time.Now().UnixMicro()+int64(min(max(retryAfter, 0), longestRetry))*1e6+backoff(c.tries))
}

// backoff has full jitter (P12.1).
func backoff(tries uint8) int64 {
	return rand.Int64N(min(int64(firstBackoff)<<min(tries-1, 10), longestBackoff) + 1)
}

// ended is a connection's end that this side did not ask for, with a close code. One that a command wants is dialed again.
func (w *worker) ended(i int32, code int) {
	c := &w.conns[i]
	switch {
	case c.fd < 0:
		return
	case c.step == closing:
		w.hangUp(i)
		w.to(c, idle)
		return
	case c.step != live:
		why := hungUp
		if code != abnormal {
			why = "close " + strconv.Itoa(code)
		}
		w.refused(i, why, 0)
		return
	}
	w.counts.Closed++
	if w.counts.Codes == nil {
		w.counts.Codes = map[int]int64{}
	}
	w.counts.Codes[code]++
	switch {
	case w.job.kind != none:
		w.hangUp(i)
		w.to(c, waiting)
		w.await(i, time.Now().UnixMicro()+backoff(1))
	case code == abnormal || code == protocolError:
		w.hangUp(i)
		w.to(c, idle)
	default: // the server hangs up first, and has what there is to wait for
		w.to(c, closing)
		w.await(i, time.Now().UnixMicro()+hangUpTimeout)
	}
}

// gone is a connection of which the kernel says that there will be no more.
func (w *worker) gone(i int32, why string) {
	if w.conns[i].step.shaking() {
		w.refused(i, why, 0)
		return
	}
	w.ended(i, abnormal)
}

// hangUp closes a connection's socket, if it has one. The step is the caller's.
func (w *worker) hangUp(i int32) {
	c := &w.conns[i]
	if c.fd >= 0 {
		reset(c.fd) // leaves the epoll set, too
	}
	w.release(c)
	delete(w.fragments, i)
	c.fd, c.out, c.due, c.stalled = -1, nil, 0, false
}

// await sets when the connection's step is over.
func (w *worker) await(i int32, due int64) {
	c := &w.conns[i]
	c.due = due
	if !c.timed {
		c.timed = true
		w.timed = append(w.timed, i)
	}
}

// tick does what is due.
func (w *worker) tick(now int64) {
	for k := 0; k < len(w.timed); {
		i := w.timed[k]
		c := &w.conns[i]
		if c.due == 0 {
			c.timed = false
			w.timed[k] = w.timed[len(w.timed)-1]
			w.timed = w.timed[:len(w.timed)-1]
			continue
		}
		k++
		if now < c.due {
			continue
		}
		switch c.step {
		case waiting:
			c.due = 0
			w.enqueue(i)
		case pausing:
			c.due = now + handshakeTimeout
			w.subscribe(i)
		case closing:
			w.hangUp(i)
			w.to(c, idle)
		default:
			w.refused(i, timeout, 0)
		}
	}
}
