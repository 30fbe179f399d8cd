package socket

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// FD is a connected TCP socket: a non-blocking descriptor which only its owner
// uses, one goroutine at a time. -1 is none.
type FD int32

// Unread is how many bytes came that were not received yet. A Close while there
// are some resets the connection, and what was sent last may be lost; so that is
// looked at before.
func (fd FD) Unread() int {
	n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// LiftLowWater makes the kernel take more than it would: for the rest of a frame
// and a close frame on a socket that is full and will be closed.
func (fd FD) LiftLowWater() {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 1<<30)
}

// CloseWrite ends the sending side after what the kernel has taken.
func (fd FD) CloseWrite() { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

// Reset makes Close drop what was not sent, and tell the peer by an RST.
func (fd FD) Reset() {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Close frees the descriptor, which also takes it out of the Poller it was added
// to. Its number may be another connection's when Close returns. What the kernel
// took is still sent, unless Reset was called or there is something Unread.
func (fd FD) Close() { _ = unix.Close(int(fd)) }

// refusePatience is how long Refuse waits for the client to hang up.
const refusePatience = time.Second

// Refuse closes a connection that was upgraded only to hear why it may not stay:
// a browser sees a close code, but not the status of a refused handshake. It waits
// up to 1 s for the client to hang up, reading on, since closing before would reset
// the connection and lose the code.
//
// Any goroutine may call it, with an FD that is in no Poller, and many at once: the
// wait is in the runtime's poller and occupies no thread.
func (fd FD) Refuse(code wire.CloseCode, reason string) {
	_, _ = fd.Send(AppendClose(nil, code, reason))
	fd.CloseWrite()
	f := os.NewFile(uintptr(fd), "refused connection")
	defer f.Close()
	if f.SetReadDeadline(time.Now().Add(refusePatience)) != nil {
		return
	}
	for scratch := make([]byte, 512); ; {
		if _, err := f.Read(scratch); err != nil {
			return
		}
	}
}
