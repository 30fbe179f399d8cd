package fault

import (
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Kafka's cleaner leaves the newest record of each key. Nothing is lost by that (P5.3): each client has, or gets, what is
// there behind its cursor, and nobody is told of a gap. A server that has read what the cleaner took may still bring it.
func logCompacted(t *T) {
	const rounds, newest = 30, 20
	b, link := t.brokerBehind()
	c := newCompacted(t, b.Addr())
	const window = "1h" // of which this fault takes a few minutes
	old := t.Start(c.topics, stage.Settings{"KAFKA_BROKERS": link.Addr, "WS_HISTORY_WINDOW": window})
	var stay []*stage.Conn
	for range 5 {
		stay = append(stay, stage.Dial(t, old))
		stay[len(stay)-1].Join("*.trade")
	}
	var cursors []wire.Cursor
	for i := range t.Count(100) {
		conn := stage.Dial(t, old)
		conn.Join("*.trade")
		for c.n*t.Count(100) < i*rounds {
			c.round(c.symbols)
		}
		p := int32(i % compactedPartitions)
		stage.Eventually(t, "a client to have what there is of a partition", func() bool {
			return conn.Cursor()["trade"].Last(p) == c.written.end()["trade"].Last(p)
		})
		cursors = append(cursors, conn.Cursor())
		conn.Close()
	}
	for c.n < rounds {
		c.round(c.symbols)
	}
	read := slices.Clone(c.written)
	for _, conn := range stay {
		c.takes(conn, read)
	}

	link.cut()
	quiet := len(c.symbols) / 4
	for c.n < 2*rounds {
		c.round(c.symbols[quiet:])
	}
	c.delete(c.symbols[:quiet/2])
	left := c.compact()
	link.join()
	known := slices.Concat(read, left.behind(read.end()))
	for _, conn := range stay {
		c.takes(conn, left.behind(read.end()))
	}

	anew := t.Start(c.topics, stage.Settings{"WS_HISTORY_WINDOW": window})
	conns := []*stage.Conn{c.last(old, newest, known), c.last(anew, newest, left)}
	var ends []wire.Cursor
	for i, from := range cursors {
		conn, end := c.resume(anew, from, left)
		conns, ends = append(conns, conn), append(ends, end)
		if i%10 == 0 {
			conn, _ = c.resume(old, from, known)
			conns = append(conns, conn)
		}
	}
	c.written = nil
	c.round(c.symbols)
	for _, conn := range slices.Concat(conns, stay) {
		c.takes(conn, c.written)
	}
	for i, from := range ends {
		conn, _ := c.resume([]*stage.Server{anew, old}[i%2], from, c.written)
		conns = append(conns, conn)
	}
	for _, conn := range slices.Concat(conns, stay) {
		_, before := conn.Ask("heartbeat", nil)
		c.extra += len(before)
	}
	t.Least("cursors at a record that is gone / all", float64(left.without(cursors))/float64(len(cursors)), 0.9, "")
	t.None("resumes that lost something", c.lost)
	t.None("resumes, newest messages and live clients that brought another thing than what is there", c.wrong)
	t.None("replays whose end is no place behind their messages", c.misplaced)
	t.None("gaps told", c.gaps)
	t.None("frames too many, in the end", c.extra)
}

// compacted is a topic, trade, that is compacted when it is told to, and what was seen of it.
type compacted struct {
	t       *T
	topics  *stage.Topics
	symbols []string
	n       int // rounds so far
	written entries

	lost, wrong, misplaced, gaps, extra int
}

// The topic's partitions, and how old a segment may get. The last segment is never cleaned.
const (
	compactedPartitions = 3
	segmentTime         = time.Second
)

func newCompacted(t *T, brokers string) *compacted {
	c := &compacted{t: t, topics: stage.NameTopics(t, brokers, "trade")}
	for range 40 {
		c.symbols = append(c.symbols, stage.Symbol())
	}
	c.topics.Admin(t, func(admin *kafka.AdminClient) error {
		made, err := admin.CreateTopics(stage.Within(t), []kafka.TopicSpecification{{
			Topic: c.topics.Name("trade"), NumPartitions: compactedPartitions, ReplicationFactor: 1,
			Config: map[string]string{
				"cleanup.policy": "compact", "segment.ms": fmt.Sprint(segmentTime.Milliseconds()),
				"min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": fmt.Sprint(time.Hour.Milliseconds()),
			},
		}})
		if err == nil && made[0].Error.Code() != kafka.ErrNoError {
			err = made[0].Error
		}
		return err
	})
	c.topics.Create(t, compactedPartitions, "trade") // waits for its leaders
	return c
}

// round publishes the next record of each of the symbols.
func (c *compacted) round(symbols []string) {
	c.n++
	var records []stage.Record
	for _, symbol := range symbols {
		records = append(records, stage.Counted("trade", symbol, c.n))
	}
	c.publish(records)
}

// delete publishes tombstones. They stay for a day.
func (c *compacted) delete(symbols []string) {
	var records []stage.Record
	for _, symbol := range symbols {
		records = append(records, stage.Record{Event: "trade", Symbol: symbol})
	}
	c.publish(records)
}

// publish puts each symbol's records into one partition.
func (c *compacted) publish(records []stage.Record) {
	for i, r := range records {
		records[i].Partition = int32(slices.Index(c.symbols, r.Symbol)%compactedPartitions) + 1
	}
	for i, place := range c.topics.Publish(c.t, records...) {
		c.written = append(c.written, newEntry(place.Partition, int64(place.Offset), records[i].Symbol, records[i].Value))
	}
}

// compact lets the cleaner run until it has cleaned all that was written, and returns what is left.
func (c *compacted) compact() entries {
	t := c.t
	t.Sleep(segmentTime + 500*time.Millisecond)
	for range compactedPartitions {
		c.symbols = append(c.symbols, stage.Symbol())
	}
	c.round(c.symbols[len(c.symbols)-compactedPartitions:]) // begins a segment of each partition
	c.topics.Admin(t, func(admin *kafka.AdminClient) error {
		set, err := admin.IncrementalAlterConfigs(stage.Within(t), []kafka.ConfigResource{{
			Type: kafka.ResourceTopic, Name: c.topics.Name("trade"), Config: []kafka.ConfigEntry{{
				Name: "min.compaction.lag.ms", Value: "0", IncrementalOperation: kafka.AlterConfigOpTypeSet,
			}},
		}})
		if err == nil && set[0].Error.Code() != kafka.ErrNoError {
			err = set[0].Error
		}
		return err
	})
	began := time.Now()
	want := c.written.newest(1)
	for {
		left := c.read()
		differ := left.differ(want, entry.byPartition)
		if differ == "" {
			t.Saw("the cleaner left %d of %d records after %.0f s; the first are at %v", len(left), len(c.written), Since(began), left.begin())
			return left
		}
		if Since(began) > 120 { // it looks for work every 15 s
			t.Fatalf("the cleaner has not cleaned the topic: %s", differ)
		}
		t.Sleep(500 * time.Millisecond)
	}
}

// read reads the topic from its beginning to its end.
func (c *compacted) read() (all entries) {
	t := c.t
	reader, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": c.topics.Brokers, "group.id": "reader", "enable.auto.commit": false, "enable.partition.eof": true, "log_level": 0,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}()
	name := c.topics.Name("trade")
	var from []kafka.TopicPartition
	for p := range int32(compactedPartitions) {
		from = append(from, kafka.TopicPartition{Topic: &name, Partition: p, Offset: kafka.OffsetBeginning})
	}
	if err := reader.Assign(from); err != nil {
		t.Fatal(err)
	}
	for end, ended := time.Now().Add(stage.Patience), 0; ended < compactedPartitions; {
		switch e := reader.Poll(100).(type) {
		case *kafka.Message:
			all = append(all, newEntry(e.TopicPartition.Partition, int64(e.TopicPartition.Offset), string(e.Key), e.Value))
		case kafka.PartitionEOF:
			ended++
		}
		if time.Now().After(end) {
			t.Fatalf("read %s: no end after %v and %d records", name, stage.Patience, len(all))
		}
	}
	return all
}

// takes takes as many messages from a live connection as it is to get, in the order of each partition.
func (c *compacted) takes(conn *stage.Conn, want entries) {
	var got []*check.Frame
	messages := 0
	for messages < len(want) {
		f := conn.Take()
		got = append(got, f)
		if f.Type == "message" {
			messages++
		}
	}
	c.same("a live client", got, want, entry.byPartition)
}

// resume subscribes with a cursor at a server that knows of those records, and returns the cursor of the replay's end.
func (c *compacted) resume(s *stage.Server, from wire.Cursor, known entries) (*stage.Conn, wire.Cursor) {
	conn := stage.Dial(c.t, s)
	ack, _ := conn.AskFor(check.Subscription{Channels: []string{"*.trade"}, Cursor: from})
	if ack.Type != "subscription_ack" {
		c.t.Fatalf("a resume from %v: got %s", from, ack)
	}
	end, got := conn.UntilType("replay_complete")
	if ack.Recovered == nil || !*ack.Recovered || len(ack.Lost) > 0 {
		c.t.Logf("a resume from %v: got %s", from, ack)
		c.lost++
		return conn, end.Cursor
	}
	want := known.behind(from)
	c.same(fmt.Sprintf("a resume from %v", from), got, want, entry.byPartition)
	if end.Replayed != uint64(len(want)) || !places(ack.Cursor, from, from) || !places(from, ack.Cursor, ack.Cursor) || !places(end.Cursor, from, known.end()) {
		c.t.Logf("a resume from %v: got %s, and in the end %s", from, ack, end)
		c.misplaced++
	}
	return conn, end.Cursor
}

// places says whether a cursor has the log of another one, and is nowhere before a third.
func places(cursor, log, least wire.Cursor) bool {
	for p := range int32(compactedPartitions) {
		if cursor["trade"].Last(p) < least["trade"].Last(p) {
			return false
		}
	}
	return cursor["trade"].Log == log["trade"].Log && len(cursor) == 1
}

// last subscribes to each channel with the newest n.
func (c *compacted) last(s *stage.Server, n int, known entries) *stage.Conn {
	conn := stage.Dial(c.t, s)
	var names []string
	for _, symbol := range c.symbols {
		names = append(names, symbol+".trade")
	}
	conn.Acked(check.Subscription{Channels: names, Last: n})
	end, got := conn.UntilType("replay_complete")
	want := known.newest(n)
	c.same("the newest of each channel", got, want, entry.byChannel)
	if end.Replayed != uint64(len(want)) {
		c.t.Logf("the newest of each channel: got %s, want replayed %d", end, len(want))
		c.misplaced++
	}
	return conn
}

// same counts what is wrong with frames that are to be messages of these records, and none besides.
func (c *compacted) same(who string, frames []*check.Frame, want entries, group func(entry) string) {
	var got entries
	for _, f := range frames {
		switch f.Type {
		case "message":
			_, partition, offset, err := f.Position()
			if err != nil {
				c.t.Fatal(err)
			}
			got = append(got, entry{partition, offset, f.Channel, string(f.Data)})
		case "gap":
			c.t.Logf("%s: got %s", who, f)
			c.gaps++
		default:
			c.t.Logf("%s: got %s", who, f)
			c.extra++
		}
	}
	if differ := got.differ(want, group); differ != "" {
		c.t.Logf("%s: %s", who, differ)
		c.wrong++
	}
}
