package kafka

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("FEED_BROKERS") != "" { // the other process of BenchmarkLatency
		feedUntilDone()
		return
	}
	code := m.Run()
	if started != nil {
		if err := started.end(); err != nil {
			fmt.Fprintln(os.Stderr, "broker:", err)
			code = max(code, 1)
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// keeper runs a real broker for this process and obeys a few orders; both end
// when our end of its standard input does.
type keeper struct {
	address string
	process *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Scanner
}

func newKeeper() (*keeper, error) {
	k := &keeper{process: exec.Command("go", "run", "./cmd/kafka", "start", "--foreground", "--port=0")}
	k.process.Dir = "../../../scripts"
	k.process.Env = append(k.process.Environ(), "GOFLAGS=", "GOWORK=")
	k.process.Stderr = os.Stderr
	orders, err := k.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := k.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	k.orders, k.answers = orders, bufio.NewScanner(answers)
	if err := k.process.Start(); err != nil {
		return nil, err
	}
	if !k.answers.Scan() {
		return nil, errors.Join(errors.New("the broker says no address"), k.process.Wait())
	}
	k.address = k.answers.Text()
	return k, nil
}

func (k *keeper) end() error {
	_ = k.orders.Close()
	return k.process.Wait()
}

func (k *keeper) order(t *testing.T, what string) {
	t.Helper()
	if _, err := fmt.Fprintln(k.orders, what); err != nil {
		t.Fatal(err)
	}
	if !k.answers.Scan() || k.answers.Text() != "ok" {
		t.Fatalf("%s: the broker's keeper says %q", what, k.answers.Text())
	}
}

var (
	started *keeper
	shared  = sync.OnceValues(func() (string, error) {
		if given := os.Getenv("KAFKA_TEST_BROKERS"); given != "" {
			return given, nil
		}
		k, err := newKeeper()
		if err != nil {
			return "", err
		}
		started = k
		return k.address, nil
	})
)

// cluster is a Kafka, real or not, with a way to change it.
type cluster struct {
	tb       testing.TB
	address  string
	admin    *kafka.AdminClient
	producer *kafka.Producer
}

// realCluster is one that tests share: KAFKA_TEST_BROKERS, or one started now.
func realCluster(tb testing.TB) *cluster {
	tb.Helper()
	address, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return clusterAt(tb, address)
}

// ownCluster has a keeper.
func ownCluster(t *testing.T) (*cluster, *keeper) {
	t.Helper()
	k, err := newKeeper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.end(); err != nil {
			t.Error(err)
		}
	})
	return clusterAt(t, k.address), k
}

// mockedCluster has one topic.
func mockedCluster(t *testing.T, topic string, partitions int) *cluster {
	t.Helper()
	m, err := kafka.NewMockCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	if err := m.CreateTopic(topic, partitions, 1); err != nil {
		t.Fatal(err)
	}
	return clusterAt(t, m.BootstrapServers())
}

func clusterAt(tb testing.TB, address string) *cluster {
	tb.Helper()
	c := &cluster{tb: tb, address: address, producer: newProducer(tb, address)}
	var err error
	if c.admin, err = kafka.NewAdminClientFromProducer(c.producer); err != nil {
		tb.Fatal(err)
	}
	return c
}

func newProducer(tb testing.TB, address string, more ...string) *kafka.Producer {
	tb.Helper()
	m := kafka.ConfigMap{"bootstrap.servers": address, "acks": "all", "linger.ms": 1, "enable.idempotence": true, "log_level": 0}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	p, err := kafka.NewProducer(&m)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// topic names one that no run before had, and makes it if partitions is not 0.
func (c *cluster) topic(name string, partitions int) string {
	c.tb.Helper()
	name = fmt.Sprintf("%s.%x", name, time.Now().UnixNano())
	if partitions > 0 {
		c.create(name, partitions)
	}
	return name
}

func (c *cluster) create(topic string, partitions int) {
	c.tb.Helper()
	c.insist("create "+topic, func() error {
		results, err := c.admin.CreateTopics(c.tb.Context(), []kafka.TopicSpecification{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}})
		return whichever(err, func() kafka.Error { return results[0].Error })
	})
	c.led(topic, partitions)
}

// led waits until all partitions have a leader that answers.
func (c *cluster) led(topic string, partitions int) {
	c.tb.Helper()
	c.insist("leaders of "+topic, func() error {
		m, err := c.admin.GetMetadata(&topic, false, 3000)
		if err == nil && len(m.Topics[topic].Partitions) != partitions {
			err = fmt.Errorf("%d partitions", len(m.Topics[topic].Partitions))
		}
		for p := 0; err == nil && p < partitions; p++ {
			_, _, err = c.producer.QueryWatermarkOffsets(topic, int32(p), 3000)
		}
		return err
	})
}

func (c *cluster) grow(topic string, partitions int) {
	c.tb.Helper()
	c.insist("grow "+topic, func() error {
		results, err := c.admin.CreatePartitions(c.tb.Context(), []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: partitions}})
		return whichever(err, func() kafka.Error { return results[0].Error })
	})
	c.led(topic, partitions)
}

func (c *cluster) remove(topic string) {
	c.tb.Helper()
	results, err := c.admin.DeleteTopics(c.tb.Context(), []string{topic}, kafka.SetAdminOperationTimeout(20*time.Second))
	if err := whichever(err, func() kafka.Error { return results[0].Error }); err != nil {
		c.tb.Fatal(err)
	}
}

// cut deletes a partition's records before an offset.
func (c *cluster) cut(topic string, partition int32, before int64) {
	c.tb.Helper()
	result, err := c.admin.DeleteRecords(c.tb.Context(), []kafka.TopicPartition{{Topic: &topic, Partition: partition, Offset: kafka.Offset(before)}})
	if err == nil {
		err = result.DeleteRecordsResults[0].TopicPartition.Error
	}
	if err != nil {
		c.tb.Fatal(err)
	}
}

// insist tries until it works: a broker that has just started, or has just
// deleted a topic, refuses a while.
func (c *cluster) insist(what string, do func() error) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), 30*time.Second)
	defer cancel()
	for {
		err := do()
		if err == nil {
			return
		}
		if !wait(ctx, 100*time.Millisecond) {
			c.tb.Fatalf("%s: %v", what, err)
		}
	}
}

func whichever(err error, of func() kafka.Error) error {
	if err != nil {
		return err
	}
	if e := of(); e.Code() != kafka.ErrNoError {
		return e
	}
	return nil
}

// send returns when the broker has everything.
func send(tb testing.TB, p *kafka.Producer, messages ...*kafka.Message) {
	tb.Helper()
	reports := make(chan kafka.Event, len(messages))
	for _, m := range messages {
		if err := p.Produce(m, reports); err != nil {
			tb.Fatal(err)
		}
	}
	for range messages {
		select {
		case report := <-reports:
			if err := report.(*kafka.Message).TopicPartition.Error; err != nil {
				tb.Fatal(err)
			}
		case <-time.After(time.Minute):
			tb.Fatal("the broker has not taken all records within a minute")
		}
	}
}

// count sends records of a partition whose values are the numbers from first to
// last.
func (c *cluster) count(topic string, partition int32, first, last int) {
	c.tb.Helper()
	send(c.tb, c.producer, counted(topic, partition, first, last)...)
}

func counted(topic string, partition int32, first, last int) (all []*kafka.Message) {
	for n := first; n <= last; n++ {
		all = append(all, &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: partition},
			Key:            []byte("BTC"), Value: fmt.Append(nil, n),
		})
	}
	return all
}
