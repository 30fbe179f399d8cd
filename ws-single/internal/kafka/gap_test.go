package kafka

import (
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// scripted is a client that gives the events of a list.
type scripted struct {
	events   []kafka.Event
	assigned []kafka.TopicPartition
	ids      map[string][16]byte
	closed   bool
}

func (s *scripted) Poll(int) kafka.Event {
	if len(s.events) == 0 {
		return nil
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e
}

func (s *scripted) IncrementalAssign(tps []kafka.TopicPartition) error {
	s.assigned = append(s.assigned, tps...)
	return nil
}
func (s *scripted) Pause([]kafka.TopicPartition) error  { return nil }
func (s *scripted) Resume([]kafka.TopicPartition) error { return nil }
func (s *scripted) Close() error                        { s.closed = true; return nil }
func (s *scripted) changes() map[string][16]byte {
	ids := s.ids
	s.ids = nil
	return ids
}

// testReader reads one topic of two partitions, both at offset 100.
func testReader(t *testing.T, events ...kafka.Event) (*reader, *scripted) {
	t.Helper()
	c, err := New(Config{Topics: []wire.Topic{{Name: "t", Event: "e"}}}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(c, nil)
	r.batch = c.newBatch()
	k := &scripted{events: events}
	r.client = k
	r.find(finding{event: 0, log: "one", id: [16]byte{1}, parts: []found{{0, 100, -1}, {1, 100, -1}}})
	r.batch.reset()
	return r, k
}

func message(partition int32, offset int64) *kafka.Message {
	name := "t"
	return &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &name, Partition: partition, Offset: kafka.Offset(offset)},
		Key:            []byte("BTC"), Value: []byte("1"), Timestamp: time.UnixMilli(1), TimestampType: kafka.TimestampCreateTime,
	}
}

var outside = kafka.NewError(kafka.ErrAutoOffsetReset, "made up by a test", false)

func TestGaps(t *testing.T) {
	t.Parallel()
	at := func(partition int32, next, low, high int64) bounds {
		return bounds{checkpoint{place{"t", partition}, 0, next}, low, high}
	}
	for _, c := range []struct {
		name   string
		late   []kafka.Event // that were fetched before, and are read after the answer
		bounds []bounds
		want   []Item // gaps
		next   [2]int64
	}{
		{"nothing lost", nil, []bounds{at(0, 100, 0, 200), at(1, 100, 100, 100)}, nil, [2]int64{100, 100}},
		{"retention", nil, []bounds{at(0, 100, 150, 200), at(1, 100, 0, 200)},
			[]Item{{Kind: Gap, From: 100, To: 149, Offset: 150}}, [2]int64{150, 100}},
		{"retention, both and all", nil, []bounds{at(0, 100, 101, 101), at(1, 100, 300, 300)},
			[]Item{{Kind: Gap, From: 100, To: 100, Offset: 101}, {Kind: Gap, Partition: 1, From: 100, To: 299, Offset: 300}}, [2]int64{101, 300}},
		{"retention, but read in time", []kafka.Event{message(1, 100), message(1, 101)}, []bounds{at(0, 100, 120, 200), at(1, 100, 102, 200)},
			[]Item{{Kind: Gap, From: 100, To: 119, Offset: 120}}, [2]int64{120, 102}},
		{"truncation", nil, []bounds{at(0, 100, 0, 80), at(1, 100, 0, 100)},
			[]Item{{Kind: Gap, From: 80, To: 99, Offset: 80}}, [2]int64{80, 100}},
		{"no truncation, the answer is old", []kafka.Event{message(0, 100), message(0, 101)}, []bounds{at(0, 100, 0, 101)}, nil, [2]int64{102, 100}},
		{"no answer", nil, nil, nil, [2]int64{100, 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, k := testReader(t, outside)
			_, drained := r.fill()
			r.resolve(drained)
			if asked := <-r.c.checks; len(asked) != 2 || asked[0].next != 100 || asked[1].topic != "t" || asked[1].partition != 1 {
				t.Fatalf("asked about %v", asked)
			}
			r.c.updates <- update{checked: true, bounds: c.bounds}
			r.takeUpdate()
			k.events = c.late
			_, drained = r.fill()
			r.resolve(drained)
			gaps := of(Gap, r.batch.Items)
			if len(gaps) != len(c.want) {
				t.Fatalf("gaps: %v", gaps)
			}
			for i, g := range gaps {
				if show(g) != show(c.want[i]) {
					t.Errorf("gap %d: %s, want %s", i, show(g), show(c.want[i]))
				}
			}
			for i, p := range r.topics[0].partitions {
				if p.next != c.next[i] {
					t.Errorf("partition %d goes on at %d, want %d", i, p.next, c.next[i])
				}
			}
			if !k.closed || r.client != nil {
				t.Error("the client with the partition that stands still goes on")
			}
		})
	}
}

// Another log's records are not read as this one's, whenever its ID is learnt.
func TestOtherLog(t *testing.T) {
	t.Parallel()
	r, k := testReader(t, message(0, 100), message(0, 101))
	k.ids = map[string][16]byte{"t": {1}, "unknown": {9}}
	if read, _ := r.fill(); read != 2 || r.held {
		t.Fatalf("%d records with the known ID, held %v", read, r.held)
	}
	k.events, k.ids = []kafka.Event{message(0, 102)}, map[string][16]byte{"t": {2}}
	if read, _ := r.fill(); read != 0 || !r.held || !k.closed {
		t.Fatalf("%d records with another ID, held %v, closed %v", read, r.held, k.closed)
	}
	r.resolve(true)
	if asked := <-r.c.checks; len(asked) != 2 {
		t.Fatalf("asked about %v", asked)
	}
	if r.ready(t.Context()) {
		t.Fatal("reads on before discovery looked")
	}
	r.c.updates <- update{found: []finding{{event: 0, log: "two", id: [16]byte{2}, parts: []found{{0, 0, -1}}}}}
	r.takeUpdate()
	r.c.updates <- update{checked: true}
	r.takeUpdate()
	r.resolve(true)
	if r.held {
		t.Error("still held after discovery looked")
	}
	items := r.batch.Items
	if last := items[len(items)-2:]; last[0].Kind != NewLog || last[0].Log != "two" || last[1].Kind != Started || last[1].Offset != 0 {
		t.Errorf("items: %v", last)
	}
}

func TestTopicID(t *testing.T) {
	t.Parallel()
	const line = "[thrd:main]: Topic a.trade changed id from AAAAAAAAAAAAAAAAAAAAAA to Ed/oiKi9SRa/ZN2NHhtUPg"
	topic, id, ok := topicID(line)
	if !ok || topic != "a.trade" || id[0] != 0x11 || id[15] != 0x3e {
		t.Errorf("%q: %s %x %v", line, topic, id, ok)
	}
	for _, line := range []string{
		"", "Topic ", "[thrd:main]: Topic a changed state unknown -> exists", "Topic a changed id from x to y",
		"[thrd:main]: Topic a changed id from AAAAAAAAAAAAAAAAAAAAAA to Ed/oiKi9SRa/ZN2NHhtUPg and more",
	} {
		if _, _, ok := topicID(line); ok {
			t.Errorf("%q taken for a topic's ID", line)
		}
	}
}

func FuzzTopicID(f *testing.F) {
	f.Add("[thrd:main]: Topic a.trade changed id from AAAAAAAAAAAAAAAAAAAAAA to Ed/oiKi9SRa/ZN2NHhtUPg")
	f.Fuzz(func(t *testing.T, line string) {
		if topic, _, ok := topicID(line); ok && topic == "" {
			t.Errorf("%q: a topic without a name", line)
		}
	})
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	r, _ := testReader(t)
	r.take(`{"brokers":{"a/1":{"nodeid":1,"state":"UP"},"b/2":{"nodeid":2,"state":"DOWN"},"a/bootstrap":{"nodeid":-1,"state":"UP"},"GroupCoordinator":{"nodeid":-1,"state":"UP"}},
		"topics":{"t":{"partitions":{"0":{"partition":0,"hi_offset":150},"1":{"partition":1,"hi_offset":-1001},"-1":{"partition":-1,"hi_offset":5000}}},"other":{}}}`)
	s := r.c.Stats()
	if s.Brokers != 1 || s.Events[0].Lag != 50 {
		t.Errorf("%+v", s)
	}
	r.take(`{`)
	if again := r.c.Stats(); again.Events[0].Lag != 50 {
		t.Errorf("after unreadable statistics: %+v", again)
	}
}
