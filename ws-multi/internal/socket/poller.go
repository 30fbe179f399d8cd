package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event says what became of a socket since the last one about it. It is a hint: a
// socket may be ready for more than it says, or for less by the time it is looked
// at.
type Event struct {
	Tag      uint64 // Add's
	Readable bool   // something came, or an end or an error is to be received
	Writable bool   // there is room; often said again with the other two
	Hangup   bool   // the peer ended its side or the connection broke; there may be unread bytes
}

// Poller is an epoll set, its events edge-triggered (epoll(7)): one is reported
// when something changes, so its receiver goes on until Recv or Send says 0.
//
// One goroutine, the owner, calls its methods; Wake is for any goroutine, at any
// time.
type Poller struct {
	// The owner's.
	epoll  int // in file
	file   *os.File
	wait   syscall.RawConn       // file's
	look   func(fd uintptr) bool // bound once
	bell   func(fd uintptr) bool // Yield's, bound once
	looked bool                  // they are asked for the second time in a Sleep or Yield
	armed  time.Time             // file's read deadline; zero: none
	raw    [256]unix.EpollEvent

	state atomic.Uint32 // awake, sleeping or woken

	closing sync.Mutex // what is written to is not another file by then
	wakefd  int        // an eventfd in the epoll set; -1: closed
}

// How a lost wake-up is ruled out.
//
// Somebody publishes work P and calls Wake; the owner looks for work, finds none
// and calls Sleep. What must not be: P is not seen by the look, and the owner sleeps
// on. All operations on state are atomic and have one order. Wake is a Swap to
// woken, W. Which owner's operation comes next after W?
//
//  1. The one at the beginning of Sleep: it finds woken instead of awake and returns;
//     the owner looks again, and as that operation saw W, the look sees P. This is
//     W's case when it replaced awake or woken: nothing was written, and need not be.
//  2. The one at the end of Sleep, a Swap to awake: again it saw W, and the look
//     that follows sees P. It is reached because W replaced sleeping, so its caller
//     writes to the eventfd. Either the owner's check for events within Sleep comes
//     after the write and finds it; or it comes before, and then the write changes an
//     epoll set that was found empty while the runtime was watching it, which is the
//     edge by which the runtime wakes the owner. Or the owner has been woken by
//     something else; the write is then found by a later Poll, which drops it, or
//     makes a later Sleep return for nothing.
//
// A W that replaced woken while the owner sleeps is case 2 as well: the Wake that
// replaced sleeping before it is the one that writes.
//
// How no event of a socket is lost: Sleep asks the runtime to watch, then checks, and
// sleeps only when the set is empty. The runtime is told of edges from "empty" to
// "not empty" only, so a set with something in it would sleep for ever; events that a
// Poll has left there, because there were more than fit, are found by that check.
const (
	awake uint32 = iota
	sleeping
	woken
)

// wakeTag is the eventfd's tag; Add refuses it.
const wakeTag = math.MaxUint64

const epollEdges = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// NewPoller makes an empty set. It takes two descriptors.
func NewPoller() (*Poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create poller: %w", os.NewSyscallError("epoll_create1", err))
	}
	p := &Poller{epoll: epoll, wakefd: -1}
	p.look, p.bell = p.ready, p.rung
	// An epoll set never blocks; the flag is how os.NewFile knows that the runtime
	// can watch it.
	if err := unix.SetNonblock(epoll, true); err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("create poller: %w", err)
	}
	p.file = os.NewFile(uintptr(epoll), "epoll")
	if err := p.init(); err != nil {
		p.Close()
		return nil, fmt.Errorf("create poller: %w", err)
	}
	return p, nil
}

func (p *Poller) init() (err error) {
	// It fails if the runtime does not watch the set after all.
	if err = p.file.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if p.wait, err = p.file.SyscallConn(); err != nil {
		return err
	}
	if p.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	return p.add(p.wakefd, unix.EPOLLIN|unix.EPOLLET, wakeTag)
}

// Add takes a socket into the set. Its events carry tag: the slot or descriptor it
// has, and a generation, by which those of a socket closed since are told from its
// successor's. The first event follows at once. FD.Close takes it out.
//
// A tag is not a pointer, which the collector would not see. The largest one is the
// poller's own.
func (p *Poller) Add(fd FD, tag uint64) error {
	if tag == wakeTag {
		return errors.New("add to poller: the largest tag is reserved")
	}
	return p.add(int(fd), epollEdges, tag)
}

func (p *Poller) add(fd int, events uint32, tag uint64) error {
	// The kernel's 64 bits of data, which this type has as two fields.
	e := unix.EpollEvent{Events: events, Fd: int32(uint32(tag)), Pad: int32(uint32(tag >> 32))}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("add to poller: %w", os.NewSyscallError("epoll_ctl", err))
	}
	return nil
}

// Poll takes events that are there, without blocking, and returns how many. There
// may be more, also when events were not filled: Sleep does not sleep then.
func (p *Poller) Poll(events []Event) int {
	room := min(len(events), len(p.raw))
	if room == 0 || p.file == nil {
		return 0
	}
	taken := p.take(room)
	n := 0
	for i := range taken {
		e := &p.raw[i]
		tag := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		if tag == wakeTag {
			// It says nothing that state does not. Being edge-triggered, the
			// eventfd need not be read either: each write is an edge.
			continue
		}
		events[n] = Event{
			Tag:      tag,
			Readable: e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			Writable: e.Events&unix.EPOLLOUT != 0,
			Hangup:   e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
		}
		n++
	}
	return n
}

// take fills p.raw; a raw call, as in Send.
func (p *Poller) take(room int) int {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll),
			uintptr(unsafe.Pointer(&p.raw)), uintptr(room), 0, 0, 0)
		if errno == 0 {
			return int(n)
		}
		if errno != unix.EINTR {
			return 0 // a closed set has no events; there is no other reason
		}
	}
}

// Sleep returns when Poll may have events, when Wake was called since the last
// Sleep returned, or at until, whichever is first; a zero until is no bound. It may
// return for nothing, and does so again until a Poll has taken what is there. An
// error means that the poller is closed.
//
// The goroutine sleeps in the runtime's poller, as one that waits for a socket: a
// system call that blocks would keep a thread and cost its processor's hand-over.
func (p *Poller) Sleep(until time.Time) error {
	if p.file == nil {
		return fmt.Errorf("sleep in poller: %w", os.ErrClosed)
	}
	if !p.state.CompareAndSwap(awake, sleeping) {
		p.state.Swap(awake)
		return nil
	}
	err := p.sleep(until)
	p.state.Swap(awake)
	if err != nil {
		return fmt.Errorf("sleep in poller: %w", err)
	}
	return nil
}

// Yield has the runtime look at what it watches itself, and lets the goroutines run
// for which something came there. runtime.Gosched does not: while a goroutine is
// ready to run, the scheduler does not look, and when all processors are busy for
// long, whoever waits for a descriptor waits for sysmon, which looks every 10 ms.
//
// So the owner sleeps in the poller, having seen to it that it is woken. It costs a
// few microseconds.
func (p *Poller) Yield() error {
	if p.file == nil {
		return fmt.Errorf("yield in poller: %w", os.ErrClosed)
	}
	p.looked = false
	err := p.wait.Read(p.bell)
	if errors.Is(err, os.ErrDeadlineExceeded) { // an old one: none is needed here
		if err = p.arm(time.Time{}); err == nil {
			p.looked = false
			err = p.wait.Read(p.bell)
		}
	}
	if err != nil {
		return fmt.Errorf("yield in poller: %w", err)
	}
	return nil
}

// rung is asked by RawConn.Read once it has told the runtime to watch, and has the
// edge made that ends the watch; and once more after that.
func (p *Poller) rung(uintptr) bool {
	if p.looked {
		return true
	}
	p.looked = true
	p.ring()
	return false
}

// sleep sleeps till something is ready, or until. A deadline that is armed for a
// time before until is left as it is: the next one is usually a little later
// than the last, most sleeps end before either, and to move the runtime's timer
// costs as much as a look. When it comes, or has passed before, reading fails at
// once, and the next one is armed then.
func (p *Poller) sleep(until time.Time) error {
	if !until.IsZero() && (p.armed.IsZero() || until.Before(p.armed)) {
		if err := p.arm(until); err != nil {
			return err
		}
	}
	for {
		p.looked = false
		err := p.wait.Read(p.look)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if !until.IsZero() && !time.Now().Before(until) {
			return nil
		}
		if err := p.arm(until); err != nil {
			return err
		}
	}
}

func (p *Poller) arm(t time.Time) error {
	p.armed = t
	return p.file.SetReadDeadline(t)
}

// ready is asked by RawConn.Read after it has told the runtime to watch, and if it
// says no, once more after each edge. The edge may be stale, which is no harm.
func (p *Poller) ready(uintptr) bool {
	if p.looked {
		return true
	}
	p.looked = true
	fds := unix.PollFd{Fd: int32(p.epoll), Events: unix.POLLIN}
	var atOnce unix.Timespec
	n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1,
		uintptr(unsafe.Pointer(&atOnce)), 0, 0, 0)
	return errno != 0 || n != 0
}

// Wake makes the owner's present Sleep return, or else its next one. Work published
// before Wake is seen by the owner after. While the owner does not sleep it is one
// atomic operation. After Close it does nothing.
func (p *Poller) Wake() {
	if p.state.Swap(woken) != sleeping {
		return
	}
	p.ring()
}

// ring makes an edge in the epoll set.
func (p *Poller) ring() {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.wakefd < 0 {
		return
	}
	one := [8]byte{}
	binary.NativeEndian.PutUint64(one[:], 1)
	// It cannot fail: the sum of all wake-ups fits 64 bits.
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, uintptr(p.wakefd), uintptr(unsafe.Pointer(&one)), 8)
}

// Close frees the poller's descriptors, not those added to it. Poll then finds
// nothing, and Sleep fails.
func (p *Poller) Close() {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.file == nil {
		return
	}
	if p.wakefd >= 0 {
		_ = unix.Close(p.wakefd)
	}
	_ = p.file.Close()
	p.wakefd, p.file = -1, nil
}
