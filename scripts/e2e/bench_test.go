package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
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
		tp := stage.MakeTopics(b, suite.brokers, 12, "trade")
		s := start(b, v, tp, nil)
		producer, err := tp.NewProducer(nil)
		if err != nil {
			b.Fatal(err)
		}
		defer producer.Close()
		var mu sync.Mutex
		var latencies []time.Duration
		acked := make(chan struct{})
		client, err := check.Dial(stage.Within(b), s.URL(), check.Options{Handle: func(f *check.Frame) {
			now := time.Now()
			switch f.Type {
			case "subscription_ack":
				close(acked)
			case "message":
				var payload struct{ T int64 }
				if err := json.Unmarshal(f.Data, &payload); err != nil {
					b.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				latencies = append(latencies, now.Sub(time.Unix(0, payload.T)))
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
		known(b, tp, s)
		run := func(n int) (acks []time.Duration) {
			latencies = nil
			acks = produce(b, producer, tp.Name("trade"), n)
			stage.Eventually(b, "every message to come", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(latencies) == n
			})
			return acks
		}
		// A young JVM is slow: it answers ten times faster after half a minute.
		for range 10 {
			if quantile(run(5000), 0.5) < 2 {
				break
			}
		}
		b.ResetTimer()
		acks := run(b.N)
		b.StopTimer()
		b.ReportMetric(quantile(latencies, 0.5), "p50-ms")
		b.ReportMetric(quantile(latencies, 0.99), "p99-ms")
		b.ReportMetric(quantile(acks, 0.5), "p50-ack-ms") // the broker's part, to judge the machine by
	})
}

// known waits until the server reads every Partition: new ones are found, and
// get their leaders, in their own time.
func known(b *testing.B, tp *stage.Topics, s *stage.Server) {
	b.Helper()
	const partitions = 12
	for p := range int32(partitions) {
		tp.Publish(b, stage.Record{Event: "trade", Value: []byte("null"), Partition: p + 1}) // no Symbol: reaches nobody
	}
	stage.Eventually(b, "every partition to be read", func() bool {
		return s.Metric(b, "ws_kafka_records_skipped_total") == partitions
	})
}

// produce keeps its schedule of a record a millisecond, whatever happens; each
// carries the time of its Produce. It returns when the broker has all, with
// the times that took.
func produce(b *testing.B, producer *kafka.Producer, topic string, n int) (acks []time.Duration) {
	b.Helper()
	reports := make(chan kafka.Event, n)
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for range n {
			m := (<-reports).(*kafka.Message)
			if m.TopicPartition.Error != nil {
				b.Error(m.TopicPartition.Error)
			}
			acks = append(acks, time.Since(m.Opaque.(time.Time)))
		}
	}()
	began := time.Now()
	for i := range n {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Millisecond)))
		now := time.Now()
		m := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Key:            fmt.Appendf(nil, "S%d", i%200),
			Value:          fmt.Appendf(nil, `{"t":%d,"pad":"%0100d"}`, now.UnixNano(), 0),
			Opaque:         now,
		}
		if err := producer.Produce(m, reports); err != nil {
			b.Fatal(err)
		}
	}
	<-collected
	return acks
}

// quantile is of durations, in milliseconds; it sorts them.
func quantile(all []time.Duration, q float64) float64 {
	slices.Sort(all)
	return float64(all[min(len(all)-1, int(q*float64(len(all))))].Microseconds()) / 1000
}

// BenchmarkIdleMemory is the server's resident memory per connection that
// holds a channel and is silent: the slope between 4,000 and 15,000, so that
// what the server needs in any case does not count. An operation is all of it.
func BenchmarkIdleMemory(b *testing.B) {
	const few, many = 4000, 15000
	release(b, func(b *testing.B, v variant.Variant) {
		for range b.N {
			s := start(b, v, stage.MakeTopics(b, suite.brokers, 12, "trade"), stage.Settings{
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
func restingMemory(b *testing.B, s *stage.Server) int64 {
	b.Helper()
	for range 2 {
		if resp := s.Get(b, "/debug/pprof/heap?gc=1"); resp.StatusCode != http.StatusOK {
			b.Fatalf("pprof: %d", resp.StatusCode)
		}
		time.Sleep(2 * time.Second)
	}
	rss, err := s.Process.RSS()
	if err != nil {
		b.Fatal(err)
	}
	return rss
}

// idle opens a connection by hand: fifteen thousand clients with a goroutine
// and buffers each would need more memory than the server.
func idle(b *testing.B, s *stage.Server, i int) net.Conn {
	b.Helper()
	dialer := net.Dialer{Timeout: stage.Patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i%200))}}
	conn, err := dialer.Dial("tcp", s.Addr)
	if err != nil {
		b.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(stage.Patience)); err != nil {
		b.Fatal(err)
	}
	in := bufio.NewReaderSize(conn, 1024)
	const command = `{"type":"subscribe","data":{"channels":["BTC.trade"]}}`
	frame := append([]byte{0x81, 0x80 | byte(len(command)), 0, 0, 0, 0}, command...) // masked with zeros
	for _, step := range []struct{ send, want string }{
		{"GET /ws HTTP/1.1\r\nHost: " + s.Addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n", "commands_per_s"},
		{string(frame), "subscription_ack"},
	} {
		if _, err := io.WriteString(conn, step.send); err != nil {
			b.Fatal(err)
		}
		var got []byte
		for chunk := make([]byte, 512); !bytes.Contains(got, []byte(step.want)); {
			n, err := in.Read(chunk)
			got = append(got, chunk[:n]...)
			if err != nil {
				b.Fatalf("connection %d: %v after %q", i, err, got)
			}
		}
	}
	return conn
}
