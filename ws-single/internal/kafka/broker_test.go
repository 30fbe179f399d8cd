package kafka

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("KAFKA_BENCH_FEED") != "" { // BenchmarkHandover's other process
		if err := feed(); err != nil {
			fmt.Fprintln(os.Stderr, "feed:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if err := sharedBroker.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop broker:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// broker is a real Kafka, run by scripts/kafka for this process: it ends when
// our end of its standard input closes, which the kernel sees to.
type broker struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startBroker() (*broker, error) {
	b := &broker{cmd: exec.Command("go", "run", "./cmd/kafka", "start", "--foreground", "--port", "0")}
	b.cmd.Dir = "../../../scripts"
	b.cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=", "GOMAXPROCS=")
	b.cmd.Stderr = os.Stderr
	var err error
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	b.lines = bufio.NewScanner(stdout)
	if !b.lines.Scan() {
		return nil, fmt.Errorf("scripts/kafka gave no address: %w", b.cmd.Wait())
	}
	b.addr = b.lines.Text()
	return b, nil
}

func (b *broker) stop() error {
	if b == nil || b.cmd == nil {
		return nil
	}
	b.stdin.Close()
	return b.cmd.Wait()
}

// do has the broker's keeper do something: kill, restart, freeze, thaw.
func (b *broker) do(t *testing.T, command string) {
	t.Helper()
	fmt.Fprintln(b.stdin, command)
	if !b.lines.Scan() || b.lines.Text() != "ok" {
		t.Fatalf("broker, %s: %s", command, b.lines.Text())
	}
}

// ownBroker starts a broker that a test may mistreat.
func ownBroker(t *testing.T) *broker {
	t.Helper()
	b, err := startBroker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

var (
	sharedOnce   sync.Once
	sharedBroker *broker
	sharedErr    error
)

// brokers returns the address of a broker that tests share, each with topics
// of its own: KAFKA_TEST_BROKERS, or one started now.
func brokers(tb testing.TB) string {
	tb.Helper()
	if addr := os.Getenv("KAFKA_TEST_BROKERS"); addr != "" {
		return addr
	}
	sharedOnce.Do(func() { sharedBroker, sharedErr = startBroker() })
	if sharedErr != nil {
		tb.Fatal(sharedErr)
	}
	return sharedBroker.addr
}

// unique makes a topic name that no run before had: the broker may be older.
func unique(name string) string { return fmt.Sprintf("%s.%x", name, time.Now().UnixNano()) }

// admin works on a broker's topics.
type admin struct {
	tb testing.TB
	*kafka.AdminClient
}

func newAdmin(tb testing.TB, addr string) admin {
	tb.Helper()
	a, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": addr, "log_level": 0})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(a.Close)
	return admin{tb, a}
}

func (a admin) create(topic string, partitions int) {
	a.tb.Helper()
	a.retry("create "+topic, func(ctx context.Context) error {
		r, err := a.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}})
		return first(err, func() kafka.Error { return r[0].Error })
	})
	a.retry("find leaders of "+topic, func(context.Context) error {
		m, err := a.GetMetadata(&topic, false, 5000)
		if err != nil {
			return err
		}
		if n := len(m.Topics[topic].Partitions); n != partitions {
			return fmt.Errorf("%d partitions", n)
		}
		for _, p := range m.Topics[topic].Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("partition %d has no leader", p.ID)
			}
		}
		return nil
	})
}

func (a admin) delete(topic string) {
	a.tb.Helper()
	r, err := a.DeleteTopics(context.Background(), []string{topic}, kafka.SetAdminOperationTimeout(20*time.Second))
	if err := first(err, func() kafka.Error { return r[0].Error }); err != nil {
		a.tb.Fatal(err)
	}
}

func (a admin) addPartitions(topic string, total int) {
	a.tb.Helper()
	r, err := a.CreatePartitions(context.Background(), []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: total}})
	if err := first(err, func() kafka.Error { return r[0].Error }); err != nil {
		a.tb.Fatal(err)
	}
}

func (a admin) deleteRecords(topic string, partition int32, before int64) {
	a.tb.Helper()
	r, err := a.DeleteRecords(context.Background(), []kafka.TopicPartition{{Topic: &topic, Partition: partition, Offset: kafka.Offset(before)}})
	if err == nil {
		err = r.DeleteRecordsResults[0].TopicPartition.Error
	}
	if err != nil {
		a.tb.Fatal(err)
	}
}

// retry tries until it works: a broker that has just started, or just deleted
// a topic, refuses for a moment.
func (a admin) retry(what string, do func(context.Context) error) {
	a.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			a.tb.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func first(err error, of func() kafka.Error) error {
	if err != nil {
		return err
	}
	if e := of(); e.Code() != kafka.ErrNoError {
		return e
	}
	return nil
}

// producer writes records and waits for them.
type producer struct {
	tb testing.TB
	*kafka.Producer
}

func newProducer(tb testing.TB, addr string, properties ...string) producer {
	tb.Helper()
	m := kafka.ConfigMap{"bootstrap.servers": addr, "linger.ms": 2, "acks": "all", "enable.idempotence": true, "log_level": 0}
	for _, p := range properties {
		name, value, _ := strings.Cut(p, "=")
		m[name] = value
	}
	p, err := kafka.NewProducer(&m)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return producer{tb, p}
}

// send produces messages and returns when the broker has all of them.
func (p producer) send(messages ...*kafka.Message) {
	p.tb.Helper()
	acks := make(chan kafka.Event, len(messages))
	for _, m := range messages {
		for {
			err := p.Produce(m, acks)
			if err == nil {
				break
			}
			var kerr kafka.Error
			if !errors.As(err, &kerr) || kerr.Code() != kafka.ErrQueueFull {
				p.tb.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	deadline := time.After(60 * time.Second)
	for range messages {
		select {
		case e := <-acks:
			if err := e.(*kafka.Message).TopicPartition.Error; err != nil {
				p.tb.Fatal(err)
			}
		case <-deadline:
			p.tb.Fatal("records not acknowledged in 60 s")
		}
	}
}

// numbered makes n records of a partition whose values count from first.
func numbered(topic string, partition int32, first, n int) []*kafka.Message {
	messages := make([]*kafka.Message, n)
	for i := range messages {
		messages[i] = &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: partition},
			Key:            []byte("BTC"),
			Value:          fmt.Append(nil, first+i),
		}
	}
	return messages
}
