package kafka

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// arrivals is a sink that only looks at the clock.
type arrivals struct {
	Sink
	record func(*Record)
	loaded chan struct{}
}

func (arrivals) Opened(int, string)                   {}
func (arrivals) Started(int, int32, int64)            {}
func (arrivals) Passed(int, int32, int64)             {}
func (arrivals) Lost(int, int32, int64, int64, int64) {}
func (a arrivals) Loaded()                            { close(a.loaded) }
func (a arrivals) Record(r *Record)                   { a.record(r) }
func (arrivals) Flush(context.Context) error          { return nil }
func quiet(b *testing.B, cfg Config) (c *Consumer) {
	b.Helper()
	c, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkRead reads as fast as it goes. Its ns are of the wall clock, with the
// broker and librdkafka's threads on the same processors.
//
//	go test -run - -bench Read -benchtime 200000x ./internal/kafka
func BenchmarkRead(b *testing.B) {
	k := realCluster(b)
	topic := k.topic("bench", 4)
	fill(b, k, topic, b.N)
	cfg := configOf(k.address, topic)
	b.Run("package", func(b *testing.B) {
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		read := 0
		to := arrivals{loaded: make(chan struct{}), record: func(*Record) {
			if read++; read == b.N {
				cancel()
			}
		}}
		fill(b, k, topic, b.N)
		b.ResetTimer()
		if err := quiet(b, cfg).Run(ctx, to); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("Poll", func(b *testing.B) { // of confluent-kafka-go
		b.ReportAllocs()
		fill(b, k, topic, b.N)
		m := kafka.ConfigMap{}
		for name, value := range readerProperties(cfg) {
			m[name] = value
		}
		c, err := kafka.NewConsumer(&m)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		var all []kafka.TopicPartition
		for p := range int32(4) {
			all = append(all, kafka.TopicPartition{Topic: &topic, Partition: p, Offset: kafka.OffsetBeginning})
		}
		if err := c.Assign(all); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for read := 0; read < b.N; {
			if _, ok := c.Poll(100).(*kafka.Message); ok {
				read++
			}
		}
	})
}

func fill(b *testing.B, k *cluster, topic string, n int) {
	b.Helper()
	for n > 0 {
		var all []*kafka.Message
		for p := range int32(4) {
			for range min(2000, n/4+1) {
				all = append(all, &kafka.Message{
					TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: p}, Key: []byte("BTC"),
					Value:   []byte(`{"symbol":"BTC","price":"43210.12","size":"0.0042","side":"buy","ts":1700000000000}`),
					Headers: []kafka.Header{{Key: "source", Value: []byte("bench")}},
				})
			}
		}
		send(b, k.producer, all...)
		n -= len(all)
	}
}

// BenchmarkLatency measures the time from Produce in another process to the sink,
// and the processor time of this one with librdkafka's threads, at a rate and while
// nothing comes.
//
//	go test -run - -bench Latency -benchtime 4000x ./internal/kafka
func BenchmarkLatency(b *testing.B) {
	for _, c := range []struct{ rate, procs int }{{1000, 1}, {1000, runtime.NumCPU()}, {10_000, runtime.NumCPU()}, {0, runtime.NumCPU()}} {
		b.Run(fmt.Sprintf("rate=%d/procs=%d", c.rate, c.procs), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.procs))
			latency(b, c.rate)
		})
	}
}

func latency(b *testing.B, rate int) {
	k := realCluster(b)
	topic := k.topic("latency", 12)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	took := make([]time.Duration, 0, b.N)
	var count atomic.Int64
	to := arrivals{loaded: make(chan struct{}), record: func(r *Record) {
		at, _ := strconv.ParseInt(string(r.Value), 10, 64)
		if at == 0 {
			return
		}
		took = append(took, time.Since(time.Unix(0, at)))
		count.Add(1)
	}}
	c := quiet(b, configOf(k.address, topic))
	go func() {
		defer close(ended)
		if err := c.Run(ctx, to); err != nil {
			b.Error(err)
		}
	}()
	<-to.loaded
	feeder := exec.Command(os.Args[0], "-test.run=-")
	feeder.Env = append(feeder.Environ(), "FEED_BROKERS="+k.address, "FEED_TOPIC="+topic, fmt.Sprint("FEED_RATE=", rate), fmt.Sprint("FEED_RECORDS=", b.N))
	feeder.Stderr = os.Stderr
	out, err := feeder.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := feeder.Start(); err != nil {
		b.Fatal(err)
	}
	reader := bufio.NewReader(out)
	if _, err := reader.ReadString('\n'); err != nil { // it begins
		b.Fatal(err)
	}
	began, used := time.Now(), processorTime(b)
	if _, err := io.Copy(io.Discard, reader); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(100*float64(processorTime(b)-used)/float64(time.Since(began)), "cpu-%")
	b.ReportMetric(0, "ns/op")
	if err := feeder.Wait(); err != nil {
		b.Fatal(err)
	}
	if rate == 0 {
		return
	}
	for deadline := time.Now().Add(10 * time.Second); int(count.Load()) < b.N; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d records of %d", count.Load(), b.N)
		}
	}
	cancel()
	<-ended
	best := time.Hour // on a busy machine the only one that says something
	for window := range slices.Chunk(took, max(1, len(took)/20)) {
		sorted := slices.Sorted(slices.Values(window))
		best = min(best, sorted[len(sorted)/2])
	}
	b.ReportMetric(float64(best)/1e6, "best-p50-ms")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// feedUntilDone is the other process.
func feedUntilDone() {
	rate, _ := strconv.Atoi(os.Getenv("FEED_RATE"))
	records, _ := strconv.Atoi(os.Getenv("FEED_RECORDS"))
	topic := os.Getenv("FEED_TOPIC")
	p, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": os.Getenv("FEED_BROKERS"), "linger.ms": 0, "go.delivery.reports": false,
	})
	if err != nil {
		panic(err)
	}
	put := func(n int, value int64) {
		err := p.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(n % 12)},
			Key:            []byte("BTC"), Value: strconv.AppendInt(nil, value, 10),
		}, nil)
		if err != nil {
			panic(err)
		}
	}
	for n := range 12 { // finds the leaders
		put(n, 0)
	}
	p.Flush(10_000)
	fmt.Println("begin")
	if rate == 0 {
		time.Sleep(5 * time.Second)
		return
	}
	began := time.Now()
	for n := range records {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(rate))))
		put(n, time.Now().UnixNano())
	}
	p.Flush(10_000)
}
