package socket

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkSend is one frame a system call, with somebody who reads.
func BenchmarkSend(b *testing.B) {
	l, err := Listen(b.Context(), "127.0.0.1:0", Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	fd, err := detach(nc)
	if err != nil {
		b.Fatal(err)
	}
	var reader sync.WaitGroup
	reader.Go(func() { _, _ = io.Copy(io.Discard, client) })
	p := newTestPoller(b)
	if err := p.Add(fd, 1); err != nil {
		b.Fatal(err)
	}
	events := make([]Event, 1)
	body := []byte(strings.Repeat("x", 200))
	var frame []byte
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		frame = AppendMessage(frame[:0], uint64(i), body)
		for rest := frame; len(rest) > 0; {
			n, err := fd.Send(rest)
			if err != nil {
				b.Fatal(err)
			}
			if rest = rest[n:]; n == 0 {
				_ = p.Sleep(time.Time{})
				p.Poll(events)
			}
		}
	}
	b.StopTimer()
	fd.Close()
	reader.Wait()
	_ = client.Close()
}

// BenchmarkTake is what reading costs a message, whole or in two pieces.
func BenchmarkTake(b *testing.B) {
	for _, size := range []int{0, 20, 200, 4096} {
		frame := text(strings.Repeat("x", size))
		scratch := make([]byte, len(frame))
		s := new(null)
		for _, pieces := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dB/pieces=%d", size, pieces), func(b *testing.B) {
				var f Frames
				b.ReportAllocs()
				b.SetBytes(int64(len(frame)))
				for range b.N {
					copy(scratch, frame)
					at := 0
					if pieces == 2 {
						at = len(scratch) / 2
						if _, err := f.Take(scratch[:at], 0, s); err != nil {
							b.Fatal(err)
						}
					}
					if _, err := f.Take(scratch[at:], 0, s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkWake is a wake-up of somebody who is awake, and the whole way to somebody
// who sleeps and back.
func BenchmarkWake(b *testing.B) {
	b.Run("awake", func(b *testing.B) {
		p := newTestPoller(b)
		b.ReportAllocs()
		for range b.N {
			p.Wake()
		}
	})
	b.Run("sleeping", func(b *testing.B) {
		ping, pong := newTestPoller(b), newTestPoller(b)
		b.ReportAllocs()
		var other sync.WaitGroup
		other.Go(func() {
			for range b.N {
				_ = ping.Sleep(time.Time{})
				pong.Wake()
			}
		})
		for range b.N {
			ping.Wake()
			_ = pong.Sleep(time.Time{})
		}
		other.Wait()
	})
}
