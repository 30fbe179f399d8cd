package socket

import (
	"sync"
	"syscall"
	"unsafe"
)

// arrival is what comes to a connection at which nobody reads. One goroutine's.
type arrival struct {
	conn  *Conn
	first *first // what the last look found; nil: an end or an error is there
}

// first is the beginning of what a client sent, read where it was met.
type first struct {
	from, to int
	b        [readBuffer]byte
}

// take moves as much of it as fits into p, and reports whether there is more.
func (f *first) take(p []byte) (n int, more bool) {
	n = copy(p, f.b[f.from:f.to])
	f.from += n
	return n, f.from < f.to
}

var firsts = sync.Pool{New: func() any { return new(first) }}

// lonePong is a client's pong without payload (RFC 6455, section 5.5.3), its
// header and mask: what an idle client sends every WS_PING_INTERVAL.
const lonePong = 6

// look takes what there is, and reports false when there is nothing: the
// goroutine then sleeps in Go's poller, on an edge of the kernel's, so only a look
// that found nothing may sleep. A pong that came alone is all an idle connection
// ever sends: it is taken here, and no reader borrowed for it.
func (a *arrival) look(fd uintptr) bool {
	f := firsts.Get().(*first)
	for {
		n, errno := receive(fd, f.b[:])
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			firsts.Put(f)
			return false
		case errno != 0 || n == 0: // the reader meets it again
			firsts.Put(f)
			a.first = nil
			return true
		case n == lonePong && f.b[0] == fin|byte(OpPong) && f.b[1] == 0x80 && a.conn.allow() == nil:
			a.conn.heard.Store(true)
			continue // its edge may have been that of an end, too
		}
		f.from, f.to = 0, n
		a.first = f
		return true
	}
}

// receive is a raw system call, as in Send: it does not block.
func receive(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
