package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Half is there before and half comes while it reads: each once and in order,
// which the sink looks at.
func TestEveryRecordComesOnceAndInOrder(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	const partitions, half = 12, 400
	topic := k.topic("order", partitions)
	feed := func(first int) {
		var all []*kafka.Message
		for p := range int32(partitions) {
			all = append(all, counted(topic, p, first, first+half-1)...)
		}
		send(t, k.producer, all...)
	}
	feed(0)
	r := reading(t, configOf(k.address, topic))
	r.await("Loaded", 1)
	if n := len(r.of("Record")); n != partitions*half {
		t.Errorf("%d records before Loaded, want %d", n, partitions*half)
	}
	feed(half)
	for _, p := range r.await("Record", partitions*half*2) {
		if p.value != fmt.Sprint(p.offset) || p.symbol != "BTC" || p.event != 0 {
			t.Fatal(p)
		}
	}
	if opened := r.of("Opened"); len(opened) != 1 || len(opened[0].log) != 16 || len(r.of("Started")) != partitions || len(r.of("Loaded")) != 1 {
		t.Errorf("%v %v %v", opened, r.of("Started"), r.of("Loaded"))
	}
	r.within(2*surveyEvery+long, "a snapshot without lag", func() bool {
		s := r.Stats()
		return s.Up && !s.Paused && s.Events[0] == EventStats{Records: partitions * half * 2}
	})
}

func TestWhereReadingBegins(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("begin", 4)
	old := func(partition int32, n int) {
		all := counted(topic, partition, 0, n-1)
		for _, m := range all {
			m.Timestamp = time.Now().Add(-time.Hour)
		}
		send(t, k.producer, all...)
	}
	old(0, 1200)                    // none in the window: the last 1,000
	k.count(topic, 1, 0, 1199)      // all in the window
	old(2, 1200)                    // none in the window,
	k.cut(topic, 2, 900)            // and most of them deleted
	want := []int64{200, 0, 900, 0} // nothing in the last
	r := reading(t, configOf(k.address, topic))
	r.await("Loaded", 1)
	for _, p := range r.of("Started") {
		if p.offset != want[p.partition] {
			t.Errorf("%v, want from %d", p, want[p.partition])
		}
	}
	if n := len(r.of("Record")); n != 1000+1200+300 {
		t.Errorf("%d records", n)
	}
}

func TestBeginning(t *testing.T) {
	for _, c := range []struct {
		name                       string
		first, inWindow, end, want int64
	}{
		{"an empty log", 0, -1, 0, 0},
		{"few, all of them old", 0, -1, 7, 0},
		{"many, all of them old", 0, -1, 9000, 8000},
		{"many, few of them in the window", 0, 8999, 9000, 8000},
		{"many, more in the window", 0, 10, 9000, 10},
		{"cut off below the thousand", 8500, -1, 9000, 8500},
		{"cut off, and all of the rest in the window", 8500, 8500, 9000, 8500},
		{"everything deleted", 9000, -1, 9000, 9000},
	} {
		if got := beginning(c.first, c.inWindow, c.end); got != c.want {
			t.Errorf("%s: from %d, want %d", c.name, got, c.want)
		}
	}
}

func TestWhatIsPushedOfARecord(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("record", 1)
	symbols := func(values ...string) []kafka.Header {
		h := []kafka.Header{{Key: "Symbol", Value: []byte("case")}}
		for _, v := range values {
			h = append(h, kafka.Header{Key: "symbol", Value: []byte(v)})
		}
		return append(h, kafka.Header{Key: "last", Value: []byte("LAST")})
	}
	now := time.UnixMilli(time.Now().UnixMilli() - 1234)
	cases := []struct {
		key, value []byte
		headers    []kafka.Header
		want       push
		skipped    string
	}{
		{key: []byte("BTC"), value: []byte(`{}`), want: push{symbol: "BTC", value: `{}`}},
		{key: []byte("BTC"), value: []byte{}, want: push{symbol: "BTC"}},
		{key: []byte("BTC"), value: nil, want: push{symbol: "BTC", tombstone: true}},
		{key: []byte("BTC"), value: []byte{0, 0xff}, want: push{symbol: "BTC", value: "\x00\xff"}},
		{key: []byte("BTC"), headers: symbols(), want: push{symbol: "BTC", tombstone: true}},
		{key: []byte("BTC"), headers: symbols("ETH"), want: push{symbol: "ETH", tombstone: true}},
		{key: nil, headers: symbols("ETH", "\xe2\x82\xac"), want: push{symbol: "€", tombstone: true}},
		{key: nil, skipped: metric.SkipMissing},
		{key: []byte("BTC"), headers: []kafka.Header{{Key: "symbol", Value: nil}}, skipped: metric.SkipMissing},
		{key: []byte{}, skipped: metric.SkipEmpty},
		{key: []byte("BTC"), headers: symbols("ETH", ""), skipped: metric.SkipEmpty},
		{key: make([]byte, 65), skipped: metric.SkipLong},
		{key: []byte("B\xc3"), skipped: metric.SkipUTF8},
		{key: []byte("BTC.ETH"), skipped: metric.SkipCharacter},
	}
	wantSkipped := map[string]uint64{}
	for _, reason := range metric.Skips() {
		wantSkipped[reason] = 0
	}
	for i, c := range cases {
		send(t, k.producer, &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: 0},
			Key:            c.key, Value: c.value, Headers: c.headers, Timestamp: now.Add(time.Duration(i) * time.Millisecond),
		})
		if c.skipped != "" {
			wantSkipped[c.skipped]++
		}
	}
	r := reading(t, configOf(k.address, topic))
	r.await("Loaded", 1)
	got := map[int64]push{}
	for _, p := range append(r.of("Record"), r.of("Passed")...) {
		got[p.offset] = p
	}
	for i, c := range cases {
		want := c.want
		want.what, want.offset, want.timestamp = "Record", int64(i), now.UnixMilli()+int64(i)
		if c.skipped != "" {
			want = push{what: "Passed", offset: int64(i)}
		}
		if got[want.offset] != want {
			t.Errorf("record %d: %+v, want %+v", i, got[want.offset], want)
		}
	}
	if got := r.Stats().Skipped; fmt.Sprint(got) != fmt.Sprint(wantSkipped) {
		t.Errorf("skipped %v, want %v", got, wantSkipped)
	}
	if n := r.Stats().Events[0].Records; n != uint64(len(cases)) {
		t.Errorf("%d records are counted of %d", n, len(cases))
	}
}

func TestSkipped(t *testing.T) {
	for reason, symbol := range map[string][]byte{
		metric.SkipMissing: nil, metric.SkipEmpty: {}, metric.SkipLong: make([]byte, 65),
		metric.SkipUTF8: {0xff}, metric.SkipCharacter: []byte("*"),
	} {
		if got := skips[whySkipped(symbol)]; got != reason {
			t.Errorf("%q: %s, want %s", symbol, got, reason)
		}
	}
	if len(skips) != skipCharacter+1 {
		t.Errorf("the kit knows the reasons %v", skips)
	}
}

// What transactions leave in a log is passed over, at its end too, and is no gap.
func TestTransactions(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("transactions", 1)
	p := newProducer(t, k.address, "transactional.id", topic)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.InitTransactions(t.Context()))
	transact := func(first, last int, end func(context.Context) error) {
		t.Helper()
		must(p.BeginTransaction())
		send(t, p, counted(topic, 0, first, last)...)
		must(end(t.Context()))
	}
	transact(0, 2, p.CommitTransaction) // 0 to 2, a marker at 3
	transact(0, 9, p.AbortTransaction)  // 4 to 13, a marker at 14
	to := newPushes(t)
	to.jumps = true
	r := start(t, made(t, configOf(k.address, topic)), to)
	r.await("Loaded", 1)
	last := func(what string) int64 {
		if all := r.of(what); len(all) > 0 {
			return all[len(all)-1].offset
		}
		return -1
	}
	r.within(long, "the end to be passed", func() bool { return last("Passed") == 14 })
	if ends, err := r.Ends(t.Context(), 0, []int32{0}); err != nil || ends[0] != 15 {
		t.Errorf("ends %v, %v", ends, err)
	}

	// One that is open holds back what comes after it, and the end with it.
	must(p.BeginTransaction())
	send(t, p, counted(topic, 0, 3, 3)...)
	k.count(topic, 0, 4, 4)
	if ends, err := r.Ends(t.Context(), 0, []int32{0}); err != nil || ends[0] != 15 {
		t.Errorf("ends %v with an open transaction, %v", ends, err)
	}
	time.Sleep(300 * time.Millisecond)
	if n := len(r.of("Record")); n != 3 {
		t.Errorf("%d records, but 3 are committed", n)
	}
	must(p.CommitTransaction(t.Context()))
	for i, rec := range r.await("Record", 5) {
		if rec.value != fmt.Sprint(i) {
			t.Errorf("record %d is %v", i, rec)
		}
	}
	// Many small ones: a marker for each record.
	for n := 5; n < 25; n++ {
		transact(n, n, p.CommitTransaction)
	}
	if all := r.await("Record", 25); all[24].value != "24" {
		t.Errorf("the last is %v", all[24])
	}
	if lost := r.of("Lost"); lost != nil {
		t.Errorf("%v", lost)
	}
}

// However often reading is held and goes on, nothing is lost and nothing comes
// twice; and while it is held, nothing comes.
func TestPause(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("pause", 2)
	r := reading(t, configOf(k.address, topic))
	r.await("Loaded", 1)
	const each = 1000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; n < each; n += 50 {
			k.count(topic, 0, n, n+49)
			k.count(topic, 1, n, n+49)
		}
	}()
	for on := true; len(r.of("Record")) < each; on = !on {
		r.Pause(on)
		time.Sleep(17 * time.Millisecond)
	}
	<-done
	r.Pause(false)
	r.await("Record", 2*each)

	r.Pause(true)
	r.within(long, "pause", func() bool { return r.Stats().Paused })
	k.count(topic, 0, each, each+9)
	r.within(long, "lag while held", func() bool { return r.Stats().Events[0].Lag == 10 })
	if n := len(r.of("Record")); n != 2*each {
		t.Errorf("%d records while held", n-2*each)
	}
	r.Pause(false)
	r.await("Record", 2*each+10)
}

func TestMaxRateSlowsAndDropsNothing(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("rate", 2)
	k.count(topic, 0, 0, 499)
	k.count(topic, 1, 0, 499)
	cfg := configOf(k.address, topic)
	cfg.MaxRate = 1000
	r := reading(t, cfg)
	r.await("Record", 1)
	began := time.Now()
	r.await("Record", 1000)
	if took := time.Since(began); took < 750*time.Millisecond { // 50 ms' worth may come at once, and a busy machine sees the first late
		t.Errorf("1,000 records came in %v", took)
	}
}

// A sink that does not take more holds reading back, and nothing else: the rest
// is still known.
func TestASinkMayBlock(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("block", 1)
	k.count(topic, 0, 0, 9)
	to, free := newPushes(t), make(chan struct{})
	to.block = func(ctx context.Context) {
		select {
		case <-free:
		case <-ctx.Done():
		}
	}
	r := start(t, made(t, configOf(k.address, topic)), to)
	r.within(long, "sign of life", func() bool { return r.Stats().Up })
	if n := len(r.of("Record")); n > 0 {
		t.Errorf("%d records without a Flush", n)
	}
	close(free)
	r.await("Record", 10)

	to = newPushes(t)
	to.block = func(ctx context.Context) { <-ctx.Done() }
	start(t, made(t, configOf(k.address, topic)), to).stop() // or it hangs
}

// Large records are flushed sooner than many, and not many are taken at once.
func TestLargeRecords(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("large", 1)
	const n, size = 40, 500_000
	for range n {
		send(t, k.producer, &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic}, Key: []byte("BTC"), Value: make([]byte, size)})
	}
	r := reading(t, configOf(k.address, topic))
	r.await("Record", n)
	r.await("Loaded", 1)
	if flushes := r.flushCount(); flushes < n {
		t.Errorf("%d flushes of %d records of %d bytes", flushes, n, size)
	}
}

// failing is a sink that cannot be flushed.
type failing struct{ *pushes }

var errSink = errors.New("made up by a test")

func (failing) Flush(context.Context) error { return errSink }

func TestAnErrorOfTheSinkEndsRun(t *testing.T) {
	t.Parallel()
	if err := made(t, configOf("127.0.0.1:1", "t")).Run(t.Context(), failing{newPushes(t)}); !errors.Is(err, errSink) {
		t.Errorf("Run: %v", err)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("ends", 3)
	k.count(topic, 0, 0, 4)
	k.count(topic, 2, 0, 8)
	c := made(t, configOf(k.address, topic))
	if _, err := c.Ends(t.Context(), 0, []int32{0}); err == nil {
		t.Error("ends, and the consumer does not run")
	}
	r := start(t, c, newPushes(t))
	r.await("Loaded", 1)
	if ends, err := r.Ends(t.Context(), 0, []int32{2, 1, 0}); err != nil || fmt.Sprint(ends) != "[9 0 5]" {
		t.Errorf("ends %v, %v", ends, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var said kafka.Error
	if _, err := r.Ends(ctx, 0, []int32{3}); !errors.As(err, &said) {
		t.Errorf("the end of a partition that is not: %v, want what the broker says", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := r.Ends(context.Background(), 0, []int32{3})
		waiting <- err
	}()
	time.Sleep(50 * time.Millisecond)
	r.stop()
	if err := <-waiting; err == nil {
		t.Error("ends of a partition that is not")
	}
}
