package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// release runs a benchmark against each variant, built as it ships.
func release(b *testing.B, bench func(b *testing.B, v variant.Variant)) {
	dir, err := variant.BinDir()
	if err != nil {
		b.Fatal(err)
	}
	raced := suite.binaries
	defer func() { suite.binaries = raced }()
	suite.binaries = map[string]string{}
	for _, v := range suite.variants {
		if suite.binaries[v.Name], err = v.Build(b.Context(), dir, false); err != nil {
			b.Fatal(err)
		}
		b.Run(v.Name, func(b *testing.B) { bench(b, v) })
	}
}

// BenchmarkLatency is the time from Produce to the client's read, of records
// published at 1,000 a second on an open loop: one an operation, so that an
// operation takes 1 ms, and -benchtime=10000x takes ten seconds.
func BenchmarkLatency(b *testing.B) {
	release(b, func(b *testing.B, v variant.Variant) {
		tp := makeTopics(b, suite.brokers, 12, "trade")
		s := start(b, v, tp, nil)
		var mu sync.Mutex
		var latencies []time.Duration
		all := make(chan struct{})
		acked := make(chan struct{})
		client, err := check.Dial(within(b), s.URL(), check.Options{Handle: func(f *check.Frame) {
			now := time.Now()
			if f.Type == "subscription_ack" {
				close(acked)
			}
			if f.Type != "message" {
				return
			}
			var payload struct{ T int64 }
			if err := json.Unmarshal(f.Data, &payload); err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if latencies = append(latencies, now.Sub(time.Unix(0, payload.T))); len(latencies) == b.N {
				close(all)
			}
		}})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Subscribe(check.Subscription{Channels: []string{"*.trade"}}); err != nil {
			b.Fatal(err)
		}
		<-acked
		b.ResetTimer()
		produce(b, tp, b.N)
		select {
		case <-all:
		case <-time.After(patience):
			b.Fatalf("%d of %d messages came", len(latencies), b.N)
		}
		b.StopTimer()
		slices.Sort(latencies)
		at := func(q float64) float64 {
			return float64(latencies[min(b.N-1, int(q*float64(b.N)))].Microseconds()) / 1000
		}
		b.ReportMetric(at(0.5), "p50-ms")
		b.ReportMetric(at(0.99), "p99-ms")
		b.ReportMetric(at(1), "max-ms")
	})
}

// produce keeps its schedule of a record a millisecond, whatever happens; each
// carries the time of its Produce.
func produce(b *testing.B, tp topics, n int) {
	reports := make(chan kafka.Event, n)
	topic := tp.name("trade")
	began := time.Now()
	for i := range n {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Millisecond)))
		m := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Key:            fmt.Appendf(nil, "S%d", i%200),
			Value:          fmt.Appendf(nil, `{"t":%d,"pad":"%0100d"}`, time.Now().UnixNano(), 0),
		}
		if err := tp.producer.Produce(m, reports); err != nil {
			b.Fatal(err)
		}
	}
	for range n {
		if m := (<-reports).(*kafka.Message); m.TopicPartition.Error != nil {
			b.Fatal(m.TopicPartition.Error)
		}
	}
}

// BenchmarkIdleMemory is the server's resident memory per connection that
// holds a channel and is silent: the slope between 4,000 and 15,000, so that
// what the server needs in any case does not count. An operation is all of it.
func BenchmarkIdleMemory(b *testing.B) {
	const few, many = 4000, 15000
	release(b, func(b *testing.B, v variant.Variant) {
		for range b.N {
			s := start(b, v, makeTopics(b, suite.brokers, 12, "trade"), settings{
				"WS_MAX_CONNECTIONS":  strconv.Itoa(many + 100),
				"WS_HANDSHAKES_PER_S": "off",
				"WS_PING_INTERVAL":    "1h", // nobody here would answer
			})
			var conns []net.Conn
			connect := func(to int) int64 {
				for len(conns) < to {
					conns = append(conns, idle(b, s, len(conns)))
				}
				return restingMemory(b, s)
			}
			low := connect(few)
			high := connect(many)
			b.ReportMetric(float64(high-low)/float64(many-few), "RSS-B/conn")
			b.ReportMetric(float64(high)/(1<<20), "RSS-MiB@15000")
			for _, c := range conns {
				if err := c.Close(); err != nil {
					b.Error(err)
				}
			}
		}
	})
}

// restingMemory is the resident memory when the collector has run and given
// back what it will.
func restingMemory(b *testing.B, s *server) int64 {
	b.Helper()
	for range 2 {
		if resp := s.get(b, "/debug/pprof/heap?gc=1"); resp.StatusCode != http.StatusOK {
			b.Fatalf("pprof: %d", resp.StatusCode)
		}
		time.Sleep(2 * time.Second)
	}
	rss, err := s.RSS()
	if err != nil {
		b.Fatal(err)
	}
	return rss
}

// idle opens a connection by hand: fifteen thousand clients with a goroutine
// and buffers each would need more memory than the server.
func idle(b *testing.B, s *server, i int) net.Conn {
	b.Helper()
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i%200))}}
	conn, err := dialer.Dial("tcp", s.Addr)
	if err != nil {
		b.Fatal(err)
	}
	const command = `{"type":"subscribe","data":{"channels":["BTC.trade"]}}`
	frame := append([]byte{0x81, 0x80 | byte(len(command)), 0, 0, 0, 0}, command...) // masked with zeros
	if _, err := fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n%s", s.Addr, frame); err != nil {
		b.Fatal(err)
	}
	in := bufio.NewReaderSize(conn, 2048)
	var got strings.Builder
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		b.Fatal(err)
	}
	for !strings.Contains(got.String(), "subscription_ack") {
		chunk := make([]byte, 512)
		n, err := in.Read(chunk)
		got.Write(chunk[:n])
		if err != nil {
			b.Fatalf("connection %d: %v after %q", i, err, got.String())
		}
	}
	return conn
}
