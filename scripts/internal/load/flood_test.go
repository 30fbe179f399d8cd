package load

import (
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFlood is what one worker takes from a server that does nothing but send frames made before, each time so many
// of them to each of 2,000 connections. An operation is one message. The figure that counts is busy-µs/msg, what a
// message costs the worker: the server is the test itself, and may be the slower one. For cores of their own:
// taskset -c 0 go test -run '^$' -bench Flood -benchtime 2000000x ./internal/load
func BenchmarkFlood(b *testing.B) {
	const connections = 2000
	for _, coalesced := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(coalesced), func(b *testing.B) {
			fds := make(chan int, connections)
			s := serve(b, func(p *peer, _ int) {
				if _, err := p.subscribed(Hub); err != nil {
					b.Error(err)
				}
				raw, err := p.Conn.(*net.TCPConn).SyscallConn()
				if err == nil {
					err = raw.Control(func(fd uintptr) { fds <- int(fd) })
				}
				if err != nil {
					b.Error(err)
				}
				p.wait()
			})
			f := fleet(b, Spec{Addr: s.Addr, Dialect: Hub, Scenario: few(connections, 1, 1), CPUs: []int{1}})
			if _, err := f.Connect(within(b), connections, nil); err != nil {
				b.Fatal(err)
			}
			var all []int
			for range connections {
				all = append(all, <-fds)
			}
			if err := f.Begin(within(b)); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			rounds := max(b.N/connections/coalesced, 1)
			flood(all, rounds, coalesced)
			i := counted(b, f, int64(rounds*coalesced*connections))
			b.StopTimer()
			if i.Lost+i.Doubled+i.Reordered+i.Malformed+i.Closed > 0 {
				b.Fatalf("%+v", i.Counts)
			}
			b.ReportMetric(float64(i.Received)/i.Seconds, "msg/s")
			b.ReportMetric(i.Busy*i.Seconds*1e6/float64(i.Received), "busy-µs/msg")
			b.ReportMetric(i.Busy*100, "busy-%")
			b.ReportMetric(float64(i.Received)/float64(i.Reads), "msg/read")
		})
	}
}

// flood sends to all in turn, and waits for those that are full.
func flood(fds []int, rounds, coalesced int) {
	var frames []byte
	n := int64(0)
	for range rounds {
		frames = frames[:0]
		for range coalesced {
			n++
			frames = append(frames, text(hubPayload(message{n: n, sent: time.Now().UnixMicro()}))...)
		}
		for _, fd := range fds {
			for rest := frames; len(rest) > 0; {
				sent, errno := send(int32(fd), rest)
				if errno == syscall.EAGAIN {
					runtime.Gosched()
					continue
				}
				if errno != 0 {
					return
				}
				rest = rest[sent:]
			}
		}
	}
}
