package kafka

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// scripted is a client that gives what it is told to.
type scripted struct {
	events   []event
	ids      map[string][16]byte
	missed   bool
	refuses  error // every add
	moves    []string
	isClosed bool
}

func (s *scripted) take(most int, records bool) ([]event, bool) {
	var now, later []event
	for _, e := range s.events {
		if len(now) < most && (records || e.kind == isFault) {
			now = append(now, e)
		} else {
			later = append(later, e)
		}
	}
	s.events = later
	return now, len(now) == most
}

func (s *scripted) move(how string, parts []*partition) {
	for _, p := range parts {
		s.moves = append(s.moves, fmt.Sprintf("%s %d:%d", how, p.id, p.next.Load()))
	}
}

func (s *scripted) add(parts []*partition) error { s.move("add", parts); return s.refuses }

func (s *scripted) drop(parts []*partition) error { s.move("drop", parts); return nil }

func (s *scripted) identities() (map[string][16]byte, bool) {
	ids := s.ids
	s.ids = nil
	return ids, !s.missed
}

func (s *scripted) close() { s.isClosed = true }

// scriptedConsumer has a reader that knows of nothing in the topic t yet.
func scriptedConsumer(t *testing.T, first *scripted, more ...*scripted) (*Consumer, *reader, *pushes) {
	t.Helper()
	alarm, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alarm.close)
	c := made(t, Config{Topics: []wire.Topic{{Name: "t", Event: "e"}}})
	clients := append([]*scripted{first}, more...)
	c.dial = func(*reader) (client, error) {
		if len(clients) == 0 {
			return nil, errors.New("no more clients")
		}
		next := clients[0]
		clients = clients[1:]
		return next, nil
	}
	to := newPushes(t)
	r := newReader(t.Context(), c, alarm, to)
	r.open()
	return c, r, to
}

// scriptedReader reads partitions 0 and 1 of the topic t, of ID 1, from offset 100
// on, of which 110 was the end at the start.
func scriptedReader(t *testing.T, first *scripted, more ...*scripted) (*reader, *pushes) {
	t.Helper()
	_, r, to := scriptedConsumer(t, first, more...)
	top := r.topics[0]
	r.find(finding{surveyed: true, news: []news{{topic: top, log: "one", id: [16]byte{1}, parts: []*partition{
		newPartition(top, 0, 100, 110), newPartition(top, 1, 100, 0),
	}}}})
	return r, to
}

func (r *reader) rec(partition int32, offset int64) event {
	return event{kind: isRecord, topic: r.topics[0], partition: partition, offset: offset, symbol: []byte("BTC"), value: []byte("1")}
}

func (r *reader) outsideOf(partition int32) event {
	e := event{kind: isFault, code: kafka.ErrAutoOffsetReset, text: "made up by a test", partition: partition}
	if partition >= 0 {
		e.topic = r.topics[0]
	}
	return e
}

// A position outside its log is settled without disturbing the other partition.
func TestLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		first, end int64
		lost       string
		next       int64
	}{
		{"by retention", 150, 200, "Lost 0/0:102-149, next 150", 150},
		{"everything, by retention", 150, 150, "Lost 0/0:102-149, next 150", 150},
		{"one record", 103, 200, "Lost 0/0:102-102, next 103", 103},
		{"the end, cut off", 0, 90, "Lost 0/0:90-101, next 90", 90},
		{"nothing: it is at the end", 0, 102, "", 102},
		{"nothing: it is in the log", 50, 200, "", 102},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scripted{}
			r, to := scriptedReader(t, s)
			s.moves = nil
			s.events = []event{r.rec(0, 100), r.rec(1, 100), r.rec(0, 101), r.outsideOf(0), r.rec(1, 101)}
			r.pump()
			r.voice()
			asked := r.doubts.take()
			p := r.topics[0].parts[0]
			if len(asked) != 1 || !slices.Equal(asked[0].about, []position{{p, 102}}) {
				t.Fatalf("asked %+v", asked)
			}
			r.find(finding{number: asked[0].number, reaches: []reach{{asked[0].about[0], c.first, c.end}}})
			s.events = []event{r.rec(0, c.next), r.rec(1, 102)}
			r.pump()
			var lost string
			for _, p := range to.of("Lost") {
				lost += p.String()
			}
			if lost != c.lost || s.isClosed || len(to.of("Record")) != 6 {
				t.Errorf("lost %q, want %q; closed %v; %v", lost, c.lost, s.isClosed, to.of("Record"))
			}
			if want := []string{fmt.Sprint("drop 0:", c.next), fmt.Sprint("add 0:", c.next)}; !slices.Equal(s.moves, want) {
				t.Errorf("moved %v, want %v", s.moves, want)
			}
			// Doubtful again at once, it is asked about again, but not at once.
			s.events = []event{r.outsideOf(0)}
			r.pump()
			r.voice()
			if again := r.doubts.take(); again != nil {
				t.Errorf("asked again at once: %v", again)
			}
			p.asked = p.asked.Add(-doubtEvery)
			r.voice()
			if again := r.doubts.take(); len(again) != 1 || len(again[0].about) != 1 {
				t.Errorf("never asked again: %v", again)
			}
		})
	}
}

// A partition that has moved since it was asked about was being read: the end it
// had then says nothing of what was read after.
func TestMovedSinceAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		faulty func(*reader) []event
		reopen bool
	}{
		{"every partition was asked about", func(r *reader) []event { return []event{r.outsideOf(-1)} }, false},
		{"another client goes on", func(r *reader) []event {
			return []event{r.outsideOf(0), {kind: isFault, code: kafka.ErrFatal, fatal: true, text: "made up by a test"}}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, second := &scripted{}, &scripted{}
			r, to := scriptedReader(t, s, second)
			p := r.topics[0].parts[0]
			faults := c.faulty(r)
			s.events = append([]event{r.rec(0, 100), r.rec(0, 101)}, faults[0])
			r.pump()
			r.voice()
			asked := r.doubts.take()[0]
			if !slices.Contains(asked.about, position{p, 102}) {
				t.Fatalf("asked %+v", asked)
			}
			if s.events = faults[1:]; c.reopen {
				r.pump()
				r.opened = time.Time{}
				r.open()
				s = second
			}
			s.events = []event{r.rec(0, 102), r.rec(0, 103)}
			r.pump()
			s.moves = nil
			r.find(finding{number: asked.number, reaches: []reach{{position{p, 102}, 0, 102}}})
			if lost := to.of("Lost"); lost != nil || p.next.Load() != 104 {
				t.Errorf("%v, and %d is next", lost, p.next.Load())
			}
			if want := []string{"drop 0:104", "add 0:104"}; !slices.Equal(s.moves, want) {
				t.Errorf("moved %v, want %v", s.moves, want)
			}
			// If it has also been cut off, librdkafka says so of where it is now.
			p.asked = time.Time{}
			s.events = []event{r.outsideOf(0)}
			r.pump()
			r.voice()
			asked = r.doubts.take()[0]
			r.find(finding{number: asked.number, reaches: []reach{{asked.about[0], 0, 102}}})
			if lost := to.of("Lost"); len(lost) != 1 || lost[0].String() != "Lost 0/0:102-103, next 102" {
				t.Errorf("cut off: %v", lost)
			}
		})
	}
}

func TestLostButNobodySaysWhere(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r, _ := scriptedReader(t, s)
	s.events = []event{r.outsideOf(-1)}
	r.pump()
	r.voice()
	if asked := r.doubts.take(); len(asked) != 1 || len(asked[0].about) != 2 {
		t.Errorf("asked %+v", asked)
	}
}

// An answer about a log that is no more is of no use.
func TestLostAndThenMadeAnew(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r, to := scriptedReader(t, s)
	old := r.topics[0].parts[0]
	r.find(finding{news: []news{{topic: r.topics[0], log: "two", id: [16]byte{2}, parts: []*partition{newPartition(r.topics[0], 0, 0, 0)}}}})
	r.find(finding{number: 1, reaches: []reach{{position{old, 100}, 500, 600}}})
	if lost := to.of("Lost"); lost != nil || r.topics[0].parts[0].next.Load() != 0 {
		t.Errorf("%v", lost)
	}
	if !s.isClosed {
		t.Error("the client still has records of the old log")
	}
}

// Nothing is pushed of what was taken when the client had learnt of another ID, and
// nothing is read until discovery has looked after that.
func TestAnotherIDHoldsReading(t *testing.T) {
	t.Parallel()
	s, second := &scripted{}, &scripted{}
	r, to := scriptedReader(t, s, second)
	s.events, s.ids = []event{r.rec(0, 100)}, map[string][16]byte{"t": {1}, "of somebody else": {7}}
	if records, _ := r.pump(); records != 1 || r.held != 0 {
		t.Fatalf("%d records by the ID that is known, held %d", records, r.held)
	}
	s.events, s.ids = []event{r.rec(0, 101), r.rec(0, 102)}, map[string][16]byte{"t": {2}}
	if records, more := r.pump(); records != 0 || more || !s.isClosed {
		t.Fatalf("%d records by another ID, closed %v", records, s.isClosed)
	}
	r.opened = time.Time{}
	asked := r.doubts.take()
	r.find(finding{number: asked[0].number - 1}) // looked before
	if r.open(); r.client != nil {
		t.Fatal("reading goes on before discovery has looked")
	}
	top := r.topics[0]
	r.find(finding{number: asked[0].number, news: []news{{topic: top, log: "two", id: [16]byte{2}, parts: []*partition{newPartition(top, 0, 0, 0)}}}})
	if r.open(); r.client != second || !slices.Equal(second.moves, []string{"add 0:0"}) {
		t.Fatalf("reading goes on with %v", second.moves)
	}
	second.events, second.ids = []event{r.rec(0, 0)}, map[string][16]byte{"t": {2}}
	r.pump()
	if last := to.all[len(to.all)-3:]; last[0].String() != "Remade 0 two" || last[1].String() != "Started 0/0:0" || last[2].what != "Record" {
		t.Errorf("%v", last)
	}
	// Discovery may have asked a broker that does not know yet.
	second.ids = map[string][16]byte{"t": {3}}
	if r.pump(); !second.isClosed || r.held == 0 {
		t.Error("the third log is taken for the second")
	}
}

func TestMissedLinesHoldReading(t *testing.T) {
	t.Parallel()
	s := &scripted{missed: true}
	r, _ := scriptedReader(t, s)
	s.events = []event{r.rec(0, 100)}
	if records, _ := r.pump(); records != 0 || !s.isClosed || r.held == 0 {
		t.Errorf("%d records, closed %v, held %d", records, s.isClosed, r.held)
	}
}

func TestLoadedWaits(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r, _ := scriptedReader(t, s)
	top := r.topics[0]
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"the last record", func() { s.events = []event{r.rec(0, 109)}; r.pump() }},
		{"the end", func() { s.events = []event{{kind: isEnd, topic: top, partition: 0, offset: 110}}; r.pump() }},
		{"an end before that", func() { s.events = []event{{kind: isEnd, topic: top, partition: 0, offset: 105}}; r.pump() }},
		{"a gap over the end", func() { r.find(finding{reaches: []reach{{position{top.parts[0], 105}, 200, 300}}}) }},
		{"the topic's being gone", func() { r.find(finding{news: []news{{topic: top, absent: true, log: "one"}}}) }},
		{"the topic's being another", func() { r.find(finding{news: []news{{topic: top, log: "two"}}}) }},
	} {
		s = &scripted{}
		r, _ = scriptedReader(t, s)
		top = r.topics[0]
		s.events = []event{r.rec(0, 100), r.rec(1, 100)}
		if r.pump(); r.waiting != 1 {
			t.Errorf("%s: waiting for %d before", c.name, r.waiting)
		}
		top.parts[0].next.Store(105)
		to := r.to.(*pushes)
		to.jumps, to.next[place{"0", 0}] = true, 105
		if c.do(); r.waiting != 0 {
			t.Errorf("%s: waiting for %d after", c.name, r.waiting)
		}
	}
}

func TestAClientThatFailsIsReplaced(t *testing.T) {
	t.Parallel()
	bad, good := &scripted{refuses: errors.New("made up by a test")}, &scripted{}
	r, to := scriptedReader(t, bad, good)
	if r.client != nil || !bad.isClosed {
		t.Fatal("a client that takes no partitions is kept")
	}
	if r.open(); r.client != nil {
		t.Error("another is opened at once")
	}
	r.opened = time.Time{}
	if r.open(); r.client != good || !slices.Equal(good.moves, []string{"add 0:100", "add 1:100"}) {
		t.Errorf("moved %v", good.moves)
	}
	good.events = []event{
		r.rec(0, 100),
		{kind: isFault, code: kafka.ErrTransport, text: "of a connection"},
		r.rec(0, 101),
		{kind: isFault, code: kafka.ErrFatal, fatal: true, text: "of the client"},
		r.rec(0, 102), // of memory that is not ours any more
	}
	r.pump()
	if n := len(to.of("Record")); n != 2 || !good.isClosed {
		t.Errorf("%d records, closed %v", n, good.isClosed)
	}
	r.opened = time.Time{}
	if r.open(); r.client != nil {
		t.Error("a client without librdkafka")
	}
}

func TestWhileHeldOnlyErrorsAreTaken(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r, to := scriptedReader(t, s)
	held := true
	r.wanted = func() bool { return held }
	s.events = []event{r.rec(0, 100), {kind: isFault, code: kafka.ErrTransport, text: "of a connection"}}
	if r.pump(); len(to.of("Record")) != 0 || len(s.events) != 1 || !r.counters.paused.Load() {
		t.Errorf("held, but %v", to.of("Record"))
	}
	held = false
	if r.pump(); len(to.of("Record")) != 1 || r.counters.paused.Load() {
		t.Errorf("not held, but %v", to.of("Record"))
	}
}
