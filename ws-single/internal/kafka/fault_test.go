package kafka

import (
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// What is promised of Stats().Up, the tests' own machine taken into account.
const (
	noticedDown = 15 * time.Second
	noticedUp   = 5 * time.Second
)

// A broker that is down at the start, dies, freezes and comes back: nothing is
// lost or doubled, and the snapshot says what is the matter.
func TestBrokerComesAndGoes(t *testing.T) {
	t.Parallel()
	b := ownBroker(t)
	const topic = "steady"
	newAdmin(t, b.addr).create(topic, 3)
	p := newProducer(t, b.addr)
	sent := 0
	send := func() {
		t.Helper()
		for part := range int32(3) {
			p.send(numbered(topic, part, sent, 100)...)
		}
		sent += 100
	}
	send()

	b.do(t, "kill")
	s := consume(t, testConfig(b.addr, topic))
	s.eventually(noticedDown, "down at the start", func(st Stats) bool { return !st.Up })
	if items := s.all(); len(items) > 0 {
		t.Errorf("items without a broker: %v", items)
	}
	b.do(t, "restart")
	s.eventually(noticedUp, "up", func(st Stats) bool { return st.Up })
	s.until("Loaded", has(Loaded))

	arrived := func() {
		t.Helper()
		send()
		checkContinuous(t, s.until("all records", atLeast(Record, 3*sent)), false)
	}
	b.do(t, "kill")
	s.eventually(noticedDown, "down after the kill", func(st Stats) bool { return !st.Up })
	b.do(t, "restart")
	s.eventually(noticedUp, "up after the restart", func(st Stats) bool { return st.Up })
	arrived()

	b.do(t, "freeze")
	s.eventually(noticedDown, "down while frozen", func(st Stats) bool { return !st.Up })
	b.do(t, "thaw")
	s.eventually(noticedUp, "up after the thaw", func(st Stats) bool { return st.Up })
	arrived()
	if items := s.all(); len(of(Loaded, items)) != 1 || len(of(Gap, items)) != 0 || len(of(NewLog, items)) != 0 || len(of(Record, items)) != 3*sent {
		t.Errorf("Loaded %d, Gap %d, NewLog %d, Record %d of %d", len(of(Loaded, items)), len(of(Gap, items)), len(of(NewLog, items)), len(of(Record, items)), 3*sent)
	}
}

// Run ends soon, whatever the broker does.
func TestEndWithoutBroker(t *testing.T) {
	t.Parallel()
	s := consume(t, testConfig("127.0.0.1:1", "any"))
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	s.stop()
	if took := time.Since(start); took > probeTimeout+2*time.Second {
		t.Errorf("Run took %v to end", took)
	}
}

// failing makes a client fail for good after some records.
type failing struct {
	client
	left int
}

func (f *failing) Poll(timeoutMs int) kafka.Event {
	if f.left == 0 {
		f.left = -1
		return kafka.NewError(kafka.ErrFatal, "made up by a test", true)
	}
	event := f.client.Poll(timeoutMs)
	if _, ok := event.(*kafka.Message); ok && f.left > 0 {
		f.left--
	}
	return event
}

// After a fatal error another client goes on at the same positions.
func TestFatalError(t *testing.T) {
	t.Parallel()
	cluster, err := kafka.NewMockCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	addr := cluster.BootstrapServers()
	newAdmin(t, addr)
	if err := cluster.CreateTopic("fatal", 2, 1); err != nil {
		t.Fatal(err)
	}
	p := newProducer(t, addr)
	p.send(numbered("fatal", 0, 0, 500)...)
	p.send(numbered("fatal", 1, 0, 500)...)
	c, err := New(testConfig(addr, "fatal"), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	var opened int
	c.wrap = func(k client) client {
		opened++
		if opened <= 3 {
			return &failing{k, 123}
		}
		return k
	}
	s := consumeBy(t, c)
	items := s.until("all records", atLeast(Record, 1000))
	checkContinuous(t, items, false)
	s.until("Loaded", has(Loaded))
	p.send(numbered("fatal", 1, 500, 10)...)
	checkContinuous(t, s.until("records after", atLeast(Record, 1010)), false)
	s.stop()
	if opened != 4 {
		t.Errorf("%d clients, want 4", opened)
	}
}

// On librdkafka's mock cluster, which the demo uses, there are neither topic
// IDs nor offsets by time.
func TestMockCluster(t *testing.T) {
	t.Parallel()
	cluster, err := kafka.NewMockCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	addr := cluster.BootstrapServers()
	if err := cluster.CreateTopic("mocked", 2, 1); err != nil {
		t.Fatal(err)
	}
	p := newProducer(t, addr)
	p.send(numbered("mocked", 0, 0, 1500)...)
	start := time.Now()
	s := consume(t, testConfig(addr, "mocked", "missing"))
	items := s.until("Loaded", has(Loaded))
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("Loaded after %v", took)
	}
	checkContinuous(t, items, false)
	if n := len(of(Record, items)); n != tail {
		t.Errorf("%d records, want the last %d", n, tail)
	}
	opened := of(Opened, items)
	if len(opened) != 1 || len(opened[0].Log) != 16 {
		t.Fatalf("Opened: %v", opened)
	}
	again := of(Opened, consume(t, testConfig(addr, "mocked")).until("Loaded", has(Loaded)))
	if again[0].Log != opened[0].Log {
		t.Errorf("one log has two names: %s, %s", opened[0].Log, again[0].Log)
	}
}
