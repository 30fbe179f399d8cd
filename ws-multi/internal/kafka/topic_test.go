package kafka

import (
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// soon is how late a topic or partition may be found.
const soon = 30 * time.Second

// A topic that does not exist holds up nothing, and is read from its beginning
// when it does.
func TestATopicMayComeLater(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	here, later := k.topic("here", 2), k.topic("later", 0)
	r := reading(t, configOf(k.address, later, here))
	r.await("Loaded", 1)
	if opened := r.of("Opened"); len(opened) != 1 || opened[0].event != 1 {
		t.Errorf("%v", opened)
	}
	k.create(later, 2)
	k.count(later, 1, 0, 1499) // more than is read of a topic that was there
	r.within(soon, "the later topic", func() bool { return len(r.of("Record")) == 1500 })
	opened := r.of("Opened")
	if len(opened) != 2 || opened[1].event != 0 || len(opened[1].log) != 16 || opened[1].log == opened[0].log || len(r.of("Started")) != 4 {
		t.Errorf("%v %v", opened, r.of("Started"))
	}
}

func TestPartitionsMayBeAdded(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("grows", 1)
	k.count(topic, 0, 0, 9)
	r := reading(t, configOf(k.address, topic))
	r.await("Loaded", 1)
	k.grow(topic, 3)
	send(t, newProducer(t, k.address), counted(topic, 2, 0, 1499)...)
	k.count(topic, 0, 10, 19)
	r.within(soon, "what is in the new partition", func() bool { return len(r.of("Record")) == 1520 })
	if started := r.of("Started"); len(started) != 3 || started[2].offset != 0 || len(r.of("Opened")) != 1 {
		t.Errorf("%v", started)
	}
}

// What the log loses before it is read is told to the offset; a partition that
// lost nothing does not notice.
func TestRecordsDeletedBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("lost", 3)
	// So little is fetched ahead that the rest can be deleted meanwhile.
	cfg := configOf(k.address, topic)
	cfg.Properties = map[string]string{"queued.max.messages.kbytes": "1", "queued.min.messages": "1", "fetch.message.max.bytes": "1000"}
	r := reading(t, cfg)
	r.await("Loaded", 1)
	r.Pause(true)
	r.within(long, "pause", func() bool { return r.Stats().Paused })
	const n = 60
	for p := range int32(3) {
		for i := range n {
			one := counted(topic, p, i, i)
			one[0].Headers = []kafka.Header{{Key: "padding", Value: make([]byte, 1000)}}
			send(t, k.producer, one...)
		}
	}
	k.cut(topic, 1, 50)
	k.cut(topic, 2, n)
	r.Pause(false)
	r.await("Lost", 2)
	k.count(topic, 2, n, n)
	r.within(long, "what is left", func() bool {
		reached := map[int32]int64{}
		for _, p := range r.of("Record") {
			reached[p.partition] = p.offset
		}
		return reached[0] == n-1 && reached[1] == n-1 && reached[2] == n
	})
	var gone uint64
	for _, p := range r.of("Lost") {
		if want := map[int32]int64{1: 50, 2: n}[p.partition]; p.offset != want || p.to != want-1 {
			t.Errorf("%v, want up to before %d", p, want)
		}
		gone += uint64(p.to - p.from + 1)
	}
	if counted := r.Stats().Events[0].GapRecords; counted != gone || gone == 0 || len(r.of("Lost")) != 2 {
		t.Errorf("%d counted as lost, of %v", counted, r.of("Lost"))
	}
}

// A topic made anew is another log and read from its beginning, and no record of
// one is taken for the other's. The new log is longer than the old one was, so the
// old positions are in it, and must not be believed.
func TestATopicMadeAnew(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	anew, other := k.topic("anew", 2), k.topic("other", 1)
	k.count(anew, 0, 0, 49)
	k.count(anew, 1, 0, 49)
	r := reading(t, configOf(k.address, anew, other))
	r.await("Loaded", 1)
	k.remove(anew)
	k.create(anew, 3)
	p := newProducer(t, k.address)
	for partition := range int32(3) {
		send(t, p, counted(anew, partition, 1000, 1199)...)
	}
	k.count(other, 0, 2000, 2019)
	r.within(soon, "the new log", func() bool { return len(r.of("Remade")) == 1 })
	r.within(long, "all records", func() bool { return len(r.of("Record")) >= 100+600+20 })
	if remade, old := r.of("Remade")[0], r.of("Opened")[0]; remade.event != 0 || remade.log == old.log || len(remade.log) != 16 {
		t.Errorf("%v after %v", remade, old)
	}
	isNew, records := false, 0
	for _, p := range r.all {
		switch {
		case p.what == "Remade":
			isNew = true
		case p.what == "Record" && p.event == 0:
			records++
			if (len(p.value) == 4) != isNew {
				t.Fatalf("%v; Remade came before it: %v", p, isNew)
			}
		}
	}
	if records != 700 {
		t.Errorf("%d records", records)
	}
}

// Deleted, the topic holds up nothing; and when it is back it is another.
func TestATopicDeletedAndLaterMadeAgain(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic, other := k.topic("back", 1), k.topic("steady", 1)
	k.count(topic, 0, 0, 4)
	r := reading(t, configOf(k.address, topic, other))
	r.await("Loaded", 1)
	k.remove(topic)
	time.Sleep(surveyEvery + time.Second) // it is seen to be gone
	k.count(other, 0, 0, 4)
	r.await("Record", 10)
	k.create(topic, 1)
	send(t, newProducer(t, k.address), counted(topic, 0, 0, 9)...)
	r.within(soon, "the topic again", func() bool { return len(r.of("Record")) == 20 })
	if remade := r.of("Remade"); len(remade) != 1 {
		t.Errorf("%v", remade)
	}
}
