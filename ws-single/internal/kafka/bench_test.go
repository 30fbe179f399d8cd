package kafka

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func BenchmarkAppend(b *testing.B) {
	c := &Consumer{free: make(chan *Batch, 1)}
	batch := c.newBatch()
	m := message(3, 4711)
	m.Value = []byte(`{"symbol":"BTC","price":"43210.12","size":"0.0042","side":"buy","ts":1700000000000,"id":"01HF0000000000000000000000"}`)
	m.Headers = []kafka.Header{{Key: "source", Value: []byte("bench")}}
	b.ReportAllocs()
	for b.Loop() {
		if batch.full() {
			c.Release(batch)
			batch = c.newBatch()
		}
		batch.append(0, "trade", m)
	}
}

// BenchmarkHandover measures, with one processor for Go as in production, how
// long a record takes from Produce in another process to a batch's receiver,
// what a neighbour feels of it (a loopback echo in the same process, asked by
// the other), and the CPU time of the whole process, librdkafka's threads
// included. The first is this package; the others are what it could do instead.
//
//	go test -run - -bench Handover -benchtime 8000x ./internal/kafka
func BenchmarkHandover(b *testing.B) {
	for _, how := range []struct {
		name string
		read func(ctx context.Context, cfg Config, got func(*kafka.Message, Item)) error
	}{
		{"woken", readWoken},
		{"blocking", readBlocking},
		{"ticking", readTicking},
	} {
		for _, rate := range []int{1000, 0} {
			b.Run(fmt.Sprintf("%s/rate=%d", how.name, rate), func(b *testing.B) { handover(b, rate, how.read) })
		}
	}
}

func handover(b *testing.B, rate int, read func(context.Context, Config, func(*kafka.Message, Item)) error) {
	addr := brokers(b)
	topic := unique("bench")
	newAdmin(b, addr).create(topic, 12)
	runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(runtime.NumCPU())
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer echo.Close()
	var running sync.WaitGroup
	running.Go(func() {
		conn, err := echo.Accept()
		if err == nil {
			io.Copy(conn, conn) //nolint:errcheck // ends with the other side
			conn.Close()
		}
	})
	cfg := testConfig(addr, topic)
	ctx, cancel := context.WithCancel(context.Background())
	defer running.Wait()
	defer cancel()
	latencies := make([]time.Duration, 0, b.N)
	done := make(chan struct{})
	running.Go(func() {
		err := read(ctx, cfg, func(m *kafka.Message, it Item) {
			value := it.Body
			if m != nil {
				value = m.Value
			}
			// The value is a number, the time it was produced at.
			at, _ := strconv.ParseInt(trailingNumber(value), 10, 64)
			if latencies = append(latencies, time.Since(time.Unix(0, at))); len(latencies) == b.N {
				close(done)
			}
		})
		if err != nil {
			b.Error(err)
		}
	})
	feeder := exec.Command(os.Args[0], "-test.run", "-")
	feeder.Env = append(os.Environ(), "KAFKA_BENCH_FEED="+addr, "KAFKA_BENCH_TOPIC="+topic,
		fmt.Sprintf("KAFKA_BENCH_RATE=%d", rate), fmt.Sprintf("KAFKA_BENCH_RECORDS=%d", b.N), "KAFKA_BENCH_ECHO="+echo.Addr().String())
	feeder.Stderr = os.Stderr
	out, err := feeder.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := feeder.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan() // it is ready
	b.ResetTimer()
	began, used := time.Now(), cpuTime(b)
	if !lines.Scan() { // it has sent everything
		b.Fatal("the feeding process failed: ", feeder.Wait())
	}
	if rate > 0 {
		<-done
	}
	b.ReportMetric(100*(cpuTime(b)-used).Seconds()/time.Since(began).Seconds(), "cpu-%")
	b.StopTimer()
	var p50, p99 float64
	if _, err := fmt.Sscan(lines.Text(), &p50, &p99); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	if rate > 0 {
		slices.Sort(latencies)
		b.ReportMetric(percentile(latencies, 50), "p50-ms")
		b.ReportMetric(percentile(latencies, 99), "p99-ms")
		b.ReportMetric(p50, "echo-p50-ms")
		b.ReportMetric(p99, "echo-p99-ms")
	}
	if err := feeder.Wait(); err != nil {
		b.Fatal(err)
	}
}

func readWoken(ctx context.Context, cfg Config, got func(*kafka.Message, Item)) error {
	c, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { err = c.Run(ctx) })
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return err
		case batch := <-c.Batches():
			for _, it := range batch.Items {
				if it.Kind == Record {
					got(nil, it)
				}
			}
			c.Release(batch)
		}
	}
}

func readBlocking(ctx context.Context, cfg Config, got func(*kafka.Message, Item)) error {
	return readBare(ctx, cfg, got, 100, 0)
}

func readTicking(ctx context.Context, cfg Config, got func(*kafka.Message, Item)) error {
	return readBare(ctx, cfg, got, 0, time.Millisecond)
}

func readBare(ctx context.Context, cfg Config, got func(*kafka.Message, Item), poll int, sleep time.Duration) error {
	m := readerProperties(cfg)
	k, err := kafka.NewConsumer(&m)
	if err != nil {
		return err
	}
	defer k.Close()
	var tps []kafka.TopicPartition
	for p := range int32(12) {
		tps = append(tps, kafka.TopicPartition{Topic: &cfg.Topics[0].Name, Partition: p, Offset: 0})
	}
	if err := k.Assign(tps); err != nil {
		return err
	}
	batches := make(chan []*kafka.Message, queuedBatches)
	var handing sync.WaitGroup
	handing.Go(func() {
		for batch := range batches {
			for _, m := range batch {
				got(m, Item{})
			}
		}
	})
	defer handing.Wait()
	defer close(batches)
	for ctx.Err() == nil {
		var batch []*kafka.Message
		for timeout := poll; ; timeout = 0 {
			e := k.Poll(timeout)
			if m, ok := e.(*kafka.Message); ok {
				batch = append(batch, m)
			}
			if e == nil {
				break
			}
		}
		if batch != nil {
			batches <- batch
		}
		time.Sleep(sleep)
	}
	return nil
}

// feed is the other process: it produces, and asks the echo meanwhile.
func feed() error {
	env := os.Getenv
	rate, _ := strconv.Atoi(env("KAFKA_BENCH_RATE"))
	records, _ := strconv.Atoi(env("KAFKA_BENCH_RECORDS"))
	topic := env("KAFKA_BENCH_TOPIC")
	p, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": env("KAFKA_BENCH_FEED"), "linger.ms": 0, "acks": "all", "go.delivery.reports": false})
	if err != nil {
		return err
	}
	defer p.Close()
	conn, err := net.Dial("tcp", env("KAFKA_BENCH_ECHO"))
	if err != nil {
		return err
	}
	defer conn.Close()
	time.Sleep(2 * time.Second) // all connections are there
	fmt.Println("ready")
	span := 5 * time.Second
	if rate > 0 {
		span = time.Duration(records) * time.Second / time.Duration(rate)
	}
	end := time.Now().Add(span)
	var rtts []time.Duration
	var asking sync.WaitGroup
	if rate > 0 { // idle CPU is of nothing but reading
		asking.Go(func() {
			var b [8]byte
			for time.Now().Before(end) {
				start := time.Now()
				binary.NativeEndian.PutUint64(b[:], uint64(len(rtts)))
				if _, err := conn.Write(b[:]); err != nil {
					return
				}
				if _, err := io.ReadFull(conn, b[:]); err != nil {
					return
				}
				rtts = append(rtts, time.Since(start))
				time.Sleep(2300 * time.Microsecond)
			}
		})
	}
	next := time.Now()
	for i := 0; rate > 0 && i < records; i++ {
		time.Sleep(time.Until(next))
		next = next.Add(time.Second / time.Duration(rate))
		err := p.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(i % 12)},
			Key:            []byte("BTC"), Value: fmt.Append(nil, time.Now().UnixNano()),
		}, nil)
		if err != nil {
			return err
		}
	}
	if left := p.Flush(60_000); left > 0 {
		return fmt.Errorf("%d records not acknowledged in a minute: the machine is too busy to measure", left)
	}
	time.Sleep(time.Until(end))
	asking.Wait()
	slices.Sort(rtts)
	fmt.Println(percentile(rtts, 50), percentile(rtts, 99))
	return nil
}

func trailingNumber(b []byte) string {
	end := len(b)
	for end > 0 && (b[end-1] < '0' || b[end-1] > '9') {
		end--
	}
	start := end
	for start > 0 && b[start-1] >= '0' && b[start-1] <= '9' {
		start--
	}
	return string(b[start:end])
}

// percentile is in milliseconds, of sorted durations.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[(len(sorted)-1)*p/100]) / float64(time.Millisecond)
}

func cpuTime(tb testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
