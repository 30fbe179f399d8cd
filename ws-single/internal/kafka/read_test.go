package kafka

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Half of the records are there before, half come while it reads, and all of
// twelve partitions arrive once and in order.
func TestOrderAndCompleteness(t *testing.T) {
	t.Parallel()
	addr := brokers(t)
	const partitions, each = 12, 1000
	topic := unique("complete")
	newAdmin(t, addr).create(topic, partitions)
	p := newProducer(t, addr)
	half := func(first int) {
		var all []*kafka.Message
		for part := range partitions {
			all = append(all, numbered(topic, int32(part), first, each/2)...)
		}
		p.send(all...)
	}
	half(0)
	s := consume(t, testConfig(addr, topic))
	s.until("Loaded", has(Loaded))
	before := len(of(Record, s.all()))
	if before < partitions*each/2 {
		t.Fatalf("%d records at Loaded, want %d", before, partitions*each/2)
	}
	half(each / 2)
	items := s.until("all records", atLeast(Record, partitions*each))
	checkContinuous(t, items, false)
	if n := len(of(Loaded, items)); n != 1 {
		t.Errorf("Loaded %d times", n)
	}
	for _, it := range of(Record, items) {
		if want := fmt.Sprint(it.Offset); value(it) != want || string(it.Symbol) != "BTC" || it.Tombstone {
			t.Fatalf("record: %s", show(it))
		}
	}
	if opened := of(Opened, items); len(opened) != 1 || len(opened[0].Log) != 16 || items[0].Kind != Opened {
		t.Errorf("Opened: %v", opened)
	}
	st := s.Stats()
	if !st.Up || st.Paused || st.RTT <= 0 || st.Events[0].Records != partitions*each || st.Events[0].GapRecords != 0 {
		t.Errorf("stats: %+v", st)
	}
	s.eventually(4*statisticsInterval, "connected broker and no lag", func(st Stats) bool {
		return st.Brokers == 1 && st.Events[0].Lag == 0
	})
}

func TestStartPosition(t *testing.T) {
	t.Parallel()
	addr := brokers(t)
	topic := unique("start")
	a := newAdmin(t, addr)
	a.create(topic, 4)
	p := newProducer(t, addr)
	old := time.Now().Add(-30 * time.Minute)
	aged := func(partition int32, first, n int) []*kafka.Message {
		all := numbered(topic, partition, first, n)
		for _, m := range all {
			m.Timestamp = old
		}
		return all
	}
	p.send(aged(0, 0, 1500)...)            // all too old: the last 1000
	p.send(numbered(topic, 1, 0, 1500)...) // all in the window
	p.send(aged(2, 0, 1500)...)            // partly cut off
	p.send(numbered(topic, 2, 1500, 100)...)
	a.deleteRecords(topic, 2, 900)
	// partition 3 is empty

	s := consume(t, testConfig(addr, topic))
	items := s.until("Loaded", has(Loaded))
	want := []int64{500, 0, 900, 0}
	for _, it := range of(Started, items) {
		if it.Offset != want[it.Partition] {
			t.Errorf("partition %d starts at %d, want %d", it.Partition, it.Offset, want[it.Partition])
		}
	}
	checkContinuous(t, items, false)
	if n := len(of(Record, items)); n != 1000+1500+700 {
		t.Errorf("%d records", n)
	}
}

func TestBegin(t *testing.T) {
	for _, c := range []struct {
		name                   string
		low, end, recent, want int64
	}{
		{"empty", 0, 0, -1, 0},
		{"short and old", 0, 10, -1, 0},
		{"long and old", 0, 5000, -1, 4000},
		{"long, few recent", 0, 5000, 4990, 4000},
		{"long, many recent", 0, 5000, 100, 100},
		{"cut off", 4500, 5000, -1, 4500},
		{"all deleted", 5000, 5000, -1, 5000},
	} {
		if got := begin(c.low, c.end, c.recent); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// What a record becomes, from the broker on.
func TestRecords(t *testing.T) {
	t.Parallel()
	addr := brokers(t)
	topic := unique("records")
	newAdmin(t, addr).create(topic, 1)
	header := func(values ...string) (all []kafka.Header) {
		for _, v := range values {
			all = append(all, kafka.Header{Key: "symbol", Value: []byte(v)})
		}
		return append(all, kafka.Header{Key: "other", Value: []byte("X")})
	}
	at := time.UnixMilli(time.Now().UnixMilli())
	cases := []struct {
		m    kafka.Message
		body string // of `"channel"` on, without pos and ts
		skip string
	}{
		{m: kafka.Message{Key: []byte("BTC"), Value: []byte(`{"p":1}`)}, body: `BTC|,"data":{"p":1}}`},
		{m: kafka.Message{Key: []byte("BTC"), Value: nil}, body: `BTC|,"data":null}`},
		{m: kafka.Message{Key: []byte("BTC"), Value: []byte("")}, body: `BTC|,"data_base64":""}`},
		{m: kafka.Message{Key: []byte("BTC"), Value: []byte("\xff")}, body: `BTC|,"data_base64":"/w=="}`},
		{m: kafka.Message{Key: []byte("BTC"), Value: []byte(`1`), Headers: header("ETH")}, body: `ETH|,"data":1}`},
		{m: kafka.Message{Value: []byte(`2`), Headers: header("ETH", "SOL")}, body: `SOL|,"data":2}`},
		{m: kafka.Message{Key: []byte("BTC"), Value: []byte(`3`), Headers: header()}, body: `BTC|,"data":3}`},
		{m: kafka.Message{Value: []byte(`4`)}, skip: metric.SkipMissing},
		{m: kafka.Message{Key: []byte{}, Value: []byte(`5`)}, skip: metric.SkipEmpty},
		{m: kafka.Message{Key: []byte("BTC"), Value: []byte(`6`), Headers: header("")}, skip: metric.SkipEmpty},
		{m: kafka.Message{Key: []byte("a.b"), Value: []byte(`7`)}, skip: metric.SkipCharacter},
		{m: kafka.Message{Key: []byte("\xff"), Value: []byte(`8`)}, skip: metric.SkipUTF8},
		{m: kafka.Message{Key: make([]byte, 65), Value: []byte(`9`)}, skip: metric.SkipLong},
	}
	p := newProducer(t, addr)
	want := map[string]uint64{}
	for i := range cases {
		m := &cases[i].m
		m.TopicPartition = kafka.TopicPartition{Topic: &topic, Partition: 0}
		m.Timestamp = at
		p.send(m)
		if cases[i].skip != "" {
			want[cases[i].skip]++
		}
	}
	s := consume(t, testConfig(addr, topic))
	items := s.until("Loaded", has(Loaded))
	checkContinuous(t, items, false)
	byOffset := map[int64]Item{}
	for _, it := range items {
		if it.Kind == Record || it.Kind == Progress {
			byOffset[it.Offset] = it
		}
	}
	for i, c := range cases {
		it := byOffset[int64(i)]
		if c.skip != "" {
			if it.Kind != Progress {
				t.Errorf("record %d: %s; want it passed over", i, show(it))
			}
			continue
		}
		symbol, data, _ := strings.Cut(c.body, "|")
		body := fmt.Sprintf(`"type":"message","channel":"%s.event0","pos":"event0/0:%d","ts":%d%s`, symbol, i, at.UnixMilli(), data)
		if it.Kind != Record || string(it.Body) != body || string(it.Symbol) != symbol || it.Timestamp != at.UnixMilli() || it.Tombstone != (c.m.Value == nil) {
			t.Errorf("record %d: %s\nwant %s", i, show(it), body)
		}
	}
	for _, sk := range s.Stats().Skipped {
		if sk.Count != want[sk.Reason] {
			t.Errorf("skipped %s: %d, want %d", sk.Reason, sk.Count, want[sk.Reason])
		}
	}
}

// Aborted records and transaction markers are passed over, at the end too, and
// are no gap.
func TestTransactions(t *testing.T) {
	t.Parallel()
	addr := brokers(t)
	topic := unique("transactions")
	newAdmin(t, addr).create(topic, 1)
	p := newProducer(t, addr, "transactional.id="+topic)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(p.InitTransactions(t.Context()))
	transact := func(first, n int, commit bool) {
		t.Helper()
		check(p.BeginTransaction())
		p.send(numbered(topic, 0, first, n)...)
		if commit {
			check(p.CommitTransaction(t.Context()))
		} else {
			check(p.AbortTransaction(t.Context()))
		}
	}
	transact(0, 5, true)    // 0..4, marker 5
	transact(100, 5, false) // 6..10, marker 11
	s := consume(t, testConfig(addr, topic))
	items := s.until("Loaded", has(Loaded))
	if n := len(of(Record, items)); n != 5 {
		t.Errorf("%d records, want the 5 committed ones", n)
	}
	s.until("progress to the end", func(items []Item) bool {
		all := of(Progress, items)
		return len(all) > 0 && all[len(all)-1].Offset == 11
	})
	ends, err := s.Ends(t.Context(), 0, []int32{0})
	if err != nil || len(ends) != 1 || ends[0] != 12 {
		t.Errorf("ends: %v, %v", ends, err)
	}
	transact(200, 3, false)
	transact(300, 2, true)
	items = s.until("the next committed records", atLeast(Record, 7))
	checkContinuous(t, items, true)
	if gaps := of(Gap, items); gaps != nil {
		t.Errorf("gaps: %v", gaps)
	}
	for i, want := range []string{"0", "1", "2", "3", "4", "300", "301"} {
		if got := value(of(Record, items)[i]); got != want {
			t.Errorf("record %d: %s, want %s", i, got, want)
		}
	}

	// An open transaction holds reading back, and Ends with it.
	check(p.BeginTransaction())
	p.send(numbered(topic, 0, 400, 1)...)
	ends, err = s.Ends(t.Context(), 0, []int32{0})
	if want := of(Record, items)[6].Offset + 2; err != nil || ends[0] != want {
		t.Errorf("ends with an open transaction: %v, %v; want %d", ends, err, want)
	}
	check(p.CommitTransaction(t.Context()))
	s.until("the record of the long transaction", atLeast(Record, 8))
}
