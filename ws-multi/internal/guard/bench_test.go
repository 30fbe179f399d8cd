package guard

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// BenchmarkAdmitRelease: the whole life of a slot, on all cores at once, each on
// behalf of addresses and subjects of its own.
func BenchmarkAdmitRelease(b *testing.B) {
	for _, bench := range []struct {
		name   string
		limits Limits
	}{
		{"defaults", Limits{Connections: 50_000, HandshakesPerSecond: 1e9}},
		{"all limits", Limits{
			Connections: 50_000, ConnectionsPerAddr: 1000, ConnectionsPerSub: 1000,
			HandshakesPerSecond: 1e9, HandshakesPerAddr: 1e9,
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			g := limited(b, bench.limits, nil)
			var workers atomic.Uint32
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				n := byte(workers.Add(1))
				addr, subject := netip.AddrFrom4([4]byte{192, 0, 2, n}), "user-"+string('a'+rune(n))
				for pb.Next() {
					slot, no := g.Admit(addr)
					if no != nil {
						b.Error(no.Reason)
						return
					}
					slot.SetSubject(subject)
					slot.Release()
				}
			})
		})
	}
}

// BenchmarkRelease is a shard's part.
func BenchmarkRelease(b *testing.B) {
	g := limited(b, Limits{ConnectionsPerAddr: 1 << 30, ConnectionsPerSub: 1 << 30}, nil)
	slots := make([]*Slot, b.N)
	for i := range slots {
		slots[i], _ = g.Admit(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
		slots[i].SetSubject("alice")
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, s := range slots {
		s.Release()
	}
}

// BenchmarkHandshakeCost is where HandshakeCost comes from: accept, upgrade and
// detaching of a connection, and its close. The client is one thread of its own
// that makes plain system calls, whose time is taken off.
func BenchmarkHandshakeCost(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	upgrader := websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 512}
	s := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		raw, err := c.NetConn().(*net.TCPConn).SyscallConn()
		if err != nil {
			return
		}
		_ = raw.Control(func(fd uintptr) {
			if own, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
				_ = unix.Close(own)
			}
		})
		_ = c.Close()
	})}
	served := make(chan error)
	go func() { served <- s.Serve(l) }()

	type result struct {
		cpu time.Duration
		err error
	}
	done := make(chan result)
	before := processCPUTime()
	b.ResetTimer()
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		var r result
		begin := threadCPUTime()
		for range b.N {
			if r.err = shakeHands(l.Addr().(*net.TCPAddr).Port); r.err != nil {
				break
			}
		}
		r.cpu = threadCPUTime() - begin
		done <- r
	}()
	client := <-done
	spent := processCPUTime() - before
	b.StopTimer()
	if client.err != nil {
		b.Error(client.err)
	}
	b.ReportMetric(float64((spent-client.cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	_ = s.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		b.Error(err)
	}
}

func threadCPUTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const browserHandshake = "GET /ws HTTP/1.1\r\nHost: stream.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ws.v1\r\n" +
	"Origin: http://stream.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: */*\r\nAccept-Language: en\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nCache-Control: no-cache\r\n\r\n"

// shakeHands connects, asks for the upgrade, reads until the server ends it, and
// closes by RST, which leaves no TIME_WAIT behind.
func shakeHands(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte(browserHandshake)); err != nil {
		return err
	}
	for buf := make([]byte, 512); ; {
		if n, err := unix.Read(fd, buf); n <= 0 {
			return err
		}
	}
}
