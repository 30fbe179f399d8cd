package loop

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// BenchmarkDelivery sends records to connections on real sockets, and stops the
// clock when every reader has read all of it. ns/delivery holds the reading side
// too; allocs/delivery is the whole process.
//
//	go test ./internal/loop -run '^$' -bench Delivery -cpu 1
func BenchmarkDelivery(b *testing.B) {
	for _, conns := range []int{100, 1000} {
		for _, burst := range []int{1, 16} {
			b.Run(fmt.Sprintf("conns=%d/pending=%d", conns, burst), func(b *testing.B) { delivery(b, conns, burst) })
		}
	}
}

func delivery(b *testing.B, conns, burst int) {
	o := testOptions()
	o.HistoryBytes = 8 << 20
	o.StallTimeout, o.MaxBehind, o.PingInterval = 0, 0, 0 // nothing but messages
	s := start(b, o)
	var received, target atomic.Int64
	all := make(chan struct{}, 1) // the target was reached
	var readers sync.WaitGroup
	var socks []net.Conn
	for range conns {
		c := s.dial(0, "")
		c.subscribe("A.trade")
		sock := c.ws.NetConn()
		socks = append(socks, sock)
		readers.Go(func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := sock.Read(buf)
				if got := received.Add(int64(n)); n > 0 && got == target.Load() {
					all <- struct{}{}
				}
				if err != nil {
					return
				}
			}
		})
	}
	value := []byte(`{"n":1,"price":"` + strings.Repeat("1", 100) + `"}`)
	body := wire.AppendBody(nil, wire.Record{Symbol: []byte("A"), Event: "trade", Partition: 2, Timestamp: 1, Value: value})
	frame := int64(4 + wire.SeqLen + len(body)) // between 126 and 65,535 bytes of payload
	batch := &kafka.Batch{}
	for range burst {
		batch.Items = append(batch.Items, kafka.Item{Kind: kafka.Record, Partition: 2, Symbol: []byte("A"), Timestamp: 1, Body: body})
	}
	push := func() {
		target.Add(int64(conns*burst) * frame)
		s.log.batches <- batch
		<-all
	}
	for range 20 { // history and buffers at their lasting size
		push()
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	began := time.Now()
	for b.Loop() {
		push()
	}
	took := time.Since(began)
	b.StopTimer()
	runtime.ReadMemStats(&after)
	deliveries := float64(b.N) * float64(conns*burst)
	b.ReportMetric(float64(took.Nanoseconds())/deliveries, "ns/delivery")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/deliveries, "allocs/delivery")
	for _, sock := range socks {
		_ = sock.Close()
	}
	readers.Wait()
}
