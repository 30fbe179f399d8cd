package fault

import (
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

var logFaults = []Fault{{
	Name: "log-records-deleted", Short: true,
	Did:  "while the server's link to Kafka is cut, records are published to two of three partitions, and deleted",
	Load: "1,000 clients of the topic, 1,000 of another",
	Run: func(t *T) {
		b, link := t.brokerBehind()
		h := t.logHall(b.Addr(), link.Addr)
		link.cut()
		var gaps []lost
		const survivors = 5
		for p := range int32(2) {
			gaps = append(gaps, h.lose(p, 200, survivors))
		}
		link.join()
		h.told(time.Now(), 2)
		h.gaps = wanted{"clients that were not told of each gap once, with its offsets, or of another besides", func(f *check.Frame) string {
			for _, g := range gaps {
				if f.Partition == g.partition && f.From != nil && *f.From == g.from && f.To != nil && *f.To == g.to &&
					f.Log == "" && f.Cursor["trade"].Last(f.Partition) == g.to {
					return fmt.Sprint(g.partition)
				}
			}
			return ""
		}, []string{"0", "1"}}
		h.come(map[string]int64{h.kept[0].Name(): survivors, h.kept[1].Name(): survivors})
		h.goOn()
	},
}, {
	Name: "log-topic-remade", Short: true,
	Did:  "a topic is deleted and made anew at once",
	Load: "1,000 clients of the topic, 1,000 of another",
	Run:  func(t *T) { t.remade(0) },
}, {
	Name: "log-topic-gone",
	Did:  "a topic is deleted, and made anew after 20 s",
	Load: "1,000 clients of the topic, 1,000 of another",
	Run: func(t *T) {
		if t.Small {
			t.remade(6 * time.Second)
		} else {
			t.remade(20 * time.Second)
		}
	},
}, {
	Name: "log-partitions-added", Short: true,
	Did:  "a topic of three partitions gets three more, with records in them before any server knows of them",
	Load: "1,000 clients of the topic, 1,000 of another, 50 records/s to each topic",
	Run: func(t *T) {
		h := t.logHall(t.Brokers, t.Brokers)
		h.feed = audience.StartFeed(t, h.topics, h.then, 50, 100)
		// What is sent to a partition that its leader does not have yet may be lost although the producer takes it for stored.
		// The feed's producer knows three partitions by now, and keeps to them; the others are waited for (Create does).
		t.Sleep(time.Second)
		h.topics.AddPartitions(t, "trade", 6)
		h.topics.Create(t, 6, "trade")
		var records []stage.Record
		const each = 20
		for n := 1; n <= each; n++ {
			for p, ch := range h.kept {
				records = append(records, inPartition(int32(3+p), ch.Symbol, n))
			}
		}
		for _, place := range h.topics.Publish(t, records...) {
			if place.Partition < 3 || place.Offset < 0 || place.Offset >= each {
				t.Fatalf("%v is not among the first %d of a new partition", place, each)
			}
		}
		published := time.Now()
		ends := map[string]int64{}
		for _, ch := range h.kept {
			ends[ch.Name()] = each
		}
		h.come(ends)
		t.Most("all clients have all of the new partitions", Since(published), 30, "s")
		h.gaps = wanted{figure: "clients of the topic that were told of a gap"}

		// A cursor from before has no entry for them, which means their beginning (P6.1).
		c := stage.Dial(t, h.server)
		c.Acked(check.Subscription{Channels: []string{h.kept[0].Name()}, Cursor: h.before})
		c.Counts(h.kept[0].Name(), 1, each)
		c.Replay(each)
		h.end()
	},
}, {
	Name: "log-compacted",
	Did: "a topic is compacted: what a server has read, and, while its link to Kafka is cut, what it has not; " +
		"then another server is started on what is left",
	Load: "100 clients that left at different times, 40 symbols, 2,108 records of which 43 are left",
	Run:  logCompacted,
}}

// logHall is a hall of two topics: what is done to trade must be told to its clients, and to nobody of social. A client of
// trade has a channel of each of the lists: one that has brought all it will, one for records that survive the fault, one
// for those that come after it.
type logHall struct {
	hall
	first, kept, then []audience.Channel
	others            *audience.Crowd // of social
	othersFeed        *audience.Feed
	before            wire.Cursor // a cursor from before the fault, of both topics
	gaps              wanted
}

// wanted are the gaps that each client of trade is to be told of, each once, and no other.
type wanted struct {
	figure string
	name   func(*check.Frame) string // that of a gap told, "" for a wrong one
	names  []string
}

func (t *T) logHall(brokers, servers string) *logHall {
	h := &logHall{first: crowdChannels("trade", 10), kept: crowdChannels("trade", 3), then: crowdChannels("trade", 10)}
	h.t, h.members = t, t.Count(1000)
	h.topics = stage.MakeTopics(t, brokers, 3, "trade", "social")
	h.server = t.Start(h.topics, stage.Settings{"KAFKA_BROKERS": servers})
	social := crowdChannels("social", 10)
	o := audience.Options{URLs: []string{h.server.URL()}, Stay: true, Members: h.members, Channels: func(i int) []string {
		names := []string{h.first[i%10].Name(), h.then[i%10].Name()}
		for _, ch := range h.kept {
			names = append(names, ch.Name())
		}
		return names
	}}
	h.crowd = t.Gather(o)
	o.Channels = oneOf(social)
	h.others = t.Gather(o)
	h.othersFeed = audience.StartFeed(t, h.topics, social, 50, 100)

	feed := audience.StartFeed(t, h.topics, h.first, 50, 100)
	t.Sleep(2 * time.Second)
	ends, err := feed.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.crowd.AwaitEnds(stage.Within(t), ends); err != nil {
		t.Fatal(err)
	}
	c := stage.Dial(t, h.server)
	h.before = c.Join(h.first[0].Name(), social[0].Name()).Cursor
	return h
}

// lost are offsets of a partition, both inclusive.
type lost struct {
	partition int32
	from, to  int64
}

// lose publishes records to a partition of trade and deletes the first of them: those have n 0, which no client may see. The
// others are of a channel kept.
func (h *logHall) lose(partition int32, deleted, kept int) lost {
	var records []stage.Record
	for range deleted {
		records = append(records, inPartition(partition, h.first[0].Symbol, 0))
	}
	for n := 1; n <= kept; n++ {
		records = append(records, inPartition(partition, h.kept[partition].Symbol, n))
	}
	places := h.topics.Publish(h.t, records...)
	before := int64(places[deleted].Offset)
	h.topics.DeleteRecords(h.t, "trade", partition, before)
	return lost{partition, int64(places[0].Offset), before - 1}
}

func inPartition(partition int32, symbol string, n int) stage.Record {
	r := stage.Counted("trade", symbol, n)
	r.Partition = partition + 1
	return r
}

// told waits until each client of trade was told of its gaps, which could be known at a time.
func (h *logHall) told(known time.Time, each int) {
	stage.Eventually(h.t, "all clients to be told of the gaps", func() bool { return h.crowd.Report().Gaps >= each*h.members })
	h.t.Saw("all were told of the gap after %.1f s", Since(known))
}

// come waits until each client of trade has its channels of kept up to n: what survived the fault.
func (h *logHall) come(ends map[string]int64) {
	missing := 0
	if err := h.crowd.AwaitEnds(stage.Within(h.t), ends); err != nil {
		missing = 1
		h.t.Errorf("what is there did not come, from its beginning: %v", err)
	}
	h.t.None("crowds that miss a record which is there", missing)
}

// holdGaps looks at all that was told: a gap told again may come late.
func (h *logHall) holdGaps() {
	told := make([]map[string]int, h.members)
	logged := false
	for _, g := range h.crowd.Report().GapFrames {
		if told[g.Member] == nil {
			told[g.Member] = map[string]int{}
		}
		name := ""
		if h.gaps.name != nil {
			name = h.gaps.name(g.Frame)
		}
		if name == "" && !logged {
			logged = true
			h.t.Logf("client %d was told %s", g.Member, g.Frame)
		}
		told[g.Member][name]++
	}
	wrong := 0
	for _, its := range told {
		right := len(its) == len(h.gaps.names)
		for _, name := range h.gaps.names {
			right = right && its[name] == 1
		}
		if !right {
			wrong++
		}
	}
	h.t.None(h.gaps.figure, wrong)
}

// goOn is what follows a gap: the survivors and new records come, to everybody, and what lies before it is lost to a resume
// (P8.3).
func (h *logHall) goOn() {
	t := h.t
	h.feed = audience.StartFeed(t, h.topics, h.then, 50, 100)
	c := stage.Dial(t, h.server)
	ack := c.Acked(check.Subscription{Channels: []string{h.first[0].Name(), "*.social"}, Cursor: h.before})
	if *ack.Recovered || !stage.SameSet(ack.Lost, []string{"trade"}) {
		t.Errorf("a resume from before the gap: got %s, want trade to be lost, and nothing else", ack)
	}
	t.Sleep(3 * time.Second)
	h.end()
}

// end holds both crowds to everything, and then to the gaps that are wanted.
func (h *logHall) end() {
	t := h.t
	h.whole()
	t.Whole(h.others, h.othersFeed)
	h.holdGaps()
	t.None("gaps told to clients of another topic", h.others.Report().Gaps)
}

// remade deletes trade and makes it anew after a while.
func (t *T) remade(after time.Duration) {
	h := t.logHall(t.Brokers, t.Brokers)
	if after == 0 {
		h.topics.Remake(t, "trade", 3)
	} else {
		h.topics.Delete(t, "trade")
		t.Sleep(after)
		t.None("gaps told while there is no topic", h.crowd.Report().Gaps)
		h.topics.Create(t, 3, "trade")
	}
	made := time.Now()
	// Read from its beginning: these may be there before the server knows of the topic.
	h.topics.Count(t, "trade", h.kept[0].Symbol, 1, 20)
	h.told(made, 1)
	h.gaps = wanted{"clients that were not told of the new log by one gap, or of another gap besides", func(f *check.Frame) string {
		known := f.Log == "" || f.Log == h.before["trade"].Log
		if known || f.Cursor["trade"].Log != f.Log || f.Partition != 0 || f.From != nil || f.To != nil {
			return ""
		}
		return "anew"
	}, []string{"anew"}}
	h.come(map[string]int64{h.kept[0].Name(): 20})
	h.goOn()
}
