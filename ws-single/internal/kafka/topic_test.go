package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// promised is how soon a new topic or partition is found at the latest; the
// broker's own delays are within it.
const promised = 30 * time.Second

// A topic that does not exist holds nothing up, and is read from its beginning
// when it does.
func TestTopicAppearsLater(t *testing.T) {
	t.Parallel()
	early := unique("early")
	late := unique("late")
	addr := brokers(t)
	a := newAdmin(t, addr)
	a.create(early, 2)
	s := consume(t, testConfig(addr, early, late))
	items := s.until("Loaded", has(Loaded))
	if opened := of(Opened, items); len(opened) != 1 || opened[0].Event != 0 {
		t.Errorf("Opened: %v", opened)
	}
	a.create(late, 3)
	newProducer(t, addr).send(numbered(late, 1, 0, 2000)...)
	items = s.within(promised, "all of the late topic", atLeast(Record, 2000))
	checkContinuous(t, items, false)
	opened, started := of(Opened, items), of(Started, items)
	if len(opened) != 2 || opened[1].Event != 1 || opened[1].Log == opened[0].Log || len(started) != 5 {
		t.Errorf("Opened %v, Started %v", opened, started)
	}
}

func TestPartitionsAdded(t *testing.T) {
	t.Parallel()
	topic := unique("growing")
	addr := brokers(t)
	a := newAdmin(t, addr)
	a.create(topic, 2)
	p := newProducer(t, addr)
	p.send(numbered(topic, 0, 0, 10)...)
	s := consume(t, testConfig(addr, topic))
	s.until("Loaded", has(Loaded))
	a.addPartitions(topic, 4)
	added := newProducer(t, addr) // the first one does not know of them yet
	a.retry("produce to the new partition", func(context.Context) error {
		m, err := added.GetMetadata(&topic, false, 1000)
		if err == nil && len(m.Topics[topic].Partitions) != 4 {
			err = errors.New("not there yet")
		}
		return err
	})
	added.send(numbered(topic, 3, 0, 1500)...) // more than the tail: from the beginning
	p.send(numbered(topic, 0, 10, 10)...)
	items := s.within(promised, "the new partition's records", atLeast(Record, 20+1500))
	checkContinuous(t, items, false)
	if started := of(Started, items); len(started) != 4 || started[3].Offset != 0 {
		t.Errorf("Started: %v", started)
	}
	if n := len(of(Opened, items)); n != 1 {
		t.Errorf("Opened %d times", n)
	}
}

// Records that the log loses before they are read are a gap, told exactly; the
// other partitions go on.
func TestRecordsDeleted(t *testing.T) {
	t.Parallel()
	topic := unique("deleted")
	addr := brokers(t)
	a := newAdmin(t, addr)
	a.create(topic, 3)
	p := newProducer(t, addr)
	for part := range int32(3) {
		p.send(numbered(topic, part, 0, 10)...)
	}
	s := consume(t, testConfig(addr, topic))
	s.until("Loaded", has(Loaded))
	s.Pause(true)
	s.eventually(patience, "pause", func(st Stats) bool { return st.Paused })
	time.Sleep(time.Second) // fetches on their way
	for part := range int32(3) {
		p.send(numbered(topic, part, 10, 100)...)
	}
	a.deleteRecords(topic, 1, 60)
	a.deleteRecords(topic, 2, 110) // all of it
	s.Pause(false)
	s.until("two gaps", atLeast(Gap, 2))
	p.send(numbered(topic, 2, 110, 1)...)
	items := s.until("what is left", atLeast(Record, 30+100+50+1))
	checkContinuous(t, items, false)
	for _, g := range of(Gap, items) {
		want := map[int32]Item{1: {From: 10, To: 59, Offset: 60}, 2: {From: 10, To: 109, Offset: 110}}[g.Partition]
		if g.From != want.From || g.To != want.To || g.Offset != want.Offset {
			t.Errorf("gap: %s", show(g))
		}
	}
	if n := s.Stats().Events[0].GapRecords; n != 50+100 {
		t.Errorf("GapRecords %d", n)
	}
}

// A topic made anew is another log, read from its beginning, and nothing of the
// old one comes after it. The new log is longer than the old: the old positions
// exist in it, and must not be believed.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	anew := unique("anew")
	steady := unique("steady")
	addr := brokers(t)
	a := newAdmin(t, addr)
	a.create(anew, 2)
	a.create(steady, 1)
	p := newProducer(t, addr)
	p.send(numbered(anew, 0, 0, 50)...)
	p.send(numbered(anew, 1, 0, 50)...)
	s := consume(t, testConfig(addr, anew, steady))
	old := of(Opened, s.until("Loaded", has(Loaded)))[0].Log
	a.delete(anew)
	a.create(anew, 3)
	fresh := newProducer(t, addr)
	for part := range int32(3) {
		fresh.send(numbered(anew, part, 1000, 300)...)
	}
	p.send(numbered(steady, 0, 0, 20)...)
	items := s.within(promised, "the new log", has(NewLog))
	log := of(NewLog, items)[0]
	if log.Event != 0 || log.Log == old || len(log.Log) != 16 {
		t.Errorf("NewLog: %s; the old one was %s", show(log), old)
	}
	items = s.until("all records", func(items []Item) bool {
		return len(afterNewLog(items)) >= 900 && len(recordsOf(1, items)) >= 20
	})
	checkContinuous(t, items, false)
	for _, it := range afterNewLog(items) {
		if len(value(it)) != 4 {
			t.Fatalf("a record of the old log after NewLog: %s", show(it))
		}
	}
	for _, it := range beforeNewLog(items) {
		if len(value(it)) > 2 {
			t.Errorf("a record of the new log before NewLog: %s", show(it))
		}
	}
}

func recordsOf(event int, items []Item) (found []Item) {
	for _, it := range of(Record, items) {
		if it.Event == event {
			found = append(found, it)
		}
	}
	return found
}

func afterNewLog(items []Item) []Item {
	for i, it := range items {
		if it.Kind == NewLog {
			return recordsOf(it.Event, items[i:])
		}
	}
	return nil
}

func beforeNewLog(items []Item) []Item {
	for i, it := range items {
		if it.Kind == NewLog {
			return recordsOf(it.Event, items[:i])
		}
	}
	return recordsOf(0, items)
}

// However often it is paused and resumed under way, nothing is lost or doubled.
func TestPause(t *testing.T) {
	t.Parallel()
	topic := unique("paused")
	addr := brokers(t)
	const partitions, each = 4, 3000
	newAdmin(t, addr).create(topic, partitions)
	p := newProducer(t, addr)
	s := consume(t, testConfig(addr, topic))
	s.until("Loaded", has(Loaded))
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for first := 0; first < each; first += 100 {
			for part := range int32(partitions) {
				p.send(numbered(topic, part, first, 100)...)
			}
		}
	})
	for on := true; ; on = !on {
		s.Pause(on)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		if !on && len(of(Record, s.all())) > partitions*each/2 {
			break
		}
	}
	feeding.Wait()
	items := s.until("all records", atLeast(Record, partitions*each))
	checkContinuous(t, items, false)

	s.Pause(true)
	s.eventually(patience, "pause", func(st Stats) bool { return st.Paused })
	time.Sleep(time.Second)
	p.send(numbered(topic, 0, each, 1)...)
	time.Sleep(2 * time.Second)
	if n := len(of(Record, s.all())); n != partitions*each {
		t.Errorf("%d records while paused", n-partitions*each)
	}
	s.Pause(false)
	checkContinuous(t, s.until("the record of the pause", atLeast(Record, partitions*each+1)), false)
}

// MaxRate slows reading down and drops nothing.
func TestMaxRate(t *testing.T) {
	t.Parallel()
	topic := unique("rated")
	addr := brokers(t)
	newAdmin(t, addr).create(topic, 2)
	p := newProducer(t, addr)
	p.send(numbered(topic, 0, 0, 1000)...)
	p.send(numbered(topic, 1, 0, 1000)...)
	cfg := testConfig(addr, topic)
	cfg.MaxRate = 1000
	s := consume(t, cfg)
	s.until("the first record", has(Record))
	start := time.Now()
	items := s.until("all records", atLeast(Record, 2000))
	// The first 50 ms' worth may come at once.
	if took := time.Since(start); took < 1800*time.Millisecond {
		t.Errorf("2,000 records at 1,000/s took %v", took)
	}
	checkContinuous(t, items, false)
}

func TestEnds(t *testing.T) {
	t.Parallel()
	topic := unique("ends")
	addr := brokers(t)
	newAdmin(t, addr).create(topic, 3)
	p := newProducer(t, addr)
	p.send(numbered(topic, 0, 0, 7)...)
	p.send(numbered(topic, 2, 0, 9)...)
	c, err := New(testConfig(addr, topic), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ends(t.Context(), 0, []int32{0}); err == nil {
		t.Error("Ends before Run: no error")
	}
	s := consumeBy(t, c)
	s.until("Loaded", has(Loaded))
	ends, err := s.Ends(t.Context(), 0, []int32{2, 0, 1})
	if err != nil || len(ends) != 3 || ends[0] != 9 || ends[1] != 7 || ends[2] != 0 {
		t.Errorf("ends: %v, %v", ends, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var kerr kafka.Error
	if _, err := s.Ends(ctx, 0, []int32{7}); !errors.As(err, &kerr) {
		t.Errorf("ends of a partition that does not exist: %v", err)
	}
	s.stop()
	if _, err := s.Ends(t.Context(), 0, []int32{0}); err == nil {
		t.Error("Ends after Run: no error")
	}
}
