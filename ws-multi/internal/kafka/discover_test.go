package kafka

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// scriptedDirectory answers what it is told to about the topic t.
type scriptedDirectory struct {
	now        listing
	first, end map[int32]offset // those that are not there are left out
	silent     error            // greet
	unlisted   error            // topics
	unasked    error            // ask
	refuses    map[int32]error  // of a question about such a partition, among others
	asked      func(place)      // from any goroutine; nil: nobody looks
}

func (d *scriptedDirectory) greet() (time.Duration, error) { return 0, d.silent }

func (d *scriptedDirectory) topics(context.Context, []string) (map[string]listing, error) {
	return map[string]listing{"t": d.now}, d.unlisted
}

func (d *scriptedDirectory) ask(_ context.Context, places []place, q question) (offsets, error) {
	if d.unasked != nil && len(places) > 0 {
		return nil, d.unasked
	}
	for _, p := range places {
		if d.asked != nil {
			d.asked(p)
		}
		if err := d.refuses[p.partition]; err != nil {
			return nil, err
		}
	}
	found := make(offsets, len(places))
	for i, p := range places {
		answer, there := offset{at: -1}, true // no record since that time
		switch q {
		case firstOffset:
			answer, there = d.first[p.partition]
		case highWater, stableEnd:
			answer, there = d.end[p.partition]
		}
		if found[i] = answer; !there {
			found[i].err = errLeftOut
		}
	}
	return found, nil
}

// discovered is discovery with a reader that has found partitions 0 and 1 of t, of
// 1,000 records each, and is to read offset 1000 next.
type discovered struct {
	*discovery
	r         *reader
	to        *pushes
	directory *scriptedDirectory
}

func newDiscovered(t *testing.T, first *scripted, more ...*scripted) *discovered {
	t.Helper()
	c, r, to := scriptedConsumer(t, first, more...)
	to.jumps = true
	dir := &scriptedDirectory{
		now:   listing{log: "one", id: [16]byte{1}, leaders: []int32{1, 1}},
		first: map[int32]offset{0: {}, 1: {}},
		end:   map[int32]offset{0: {at: 1000}, 1: {at: 1000}},
	}
	d := &discovered{newDiscovery(c, dir, r), r, to, dir}
	d.next(t)
	first.events = []event{r.rec(0, 999), r.rec(1, 999)}
	if r.pump(); r.waiting != 0 || !r.surveyed {
		t.Fatalf("waiting for %d; surveyed: %v", r.waiting, r.surveyed)
	}
	first.moves = nil
	return d
}

// next is a round, of which the reader takes what it finds.
func (d *discovered) next(t *testing.T) (pause time.Duration) {
	t.Helper()
	pause = d.round(t.Context())
	for _, f := range d.r.findings.take() {
		d.r.find(f)
	}
	return pause
}

// A partition that librdkafka has stopped is asked about until there is an answer:
// nobody else would have it fetched again. One with an answer does not wait for it.
func TestADoubtStaysUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	transient := kafka.NewError(kafka.ErrNotLeaderForPartition, "made up by a test", false)
	for _, c := range []struct {
		name  string
		fail  func(*scriptedDirectory)
		other bool // the other partition has its answer
	}{
		{"no leader to say where it begins", func(d *scriptedDirectory) { d.first[0] = offset{err: transient} }, true},
		{"no leader to say where it ends", func(d *scriptedDirectory) { d.end[0] = offset{at: -1, err: transient} }, true},
		{"left out", func(d *scriptedDirectory) { delete(d.end, 0) }, true},
		{"no offsets", func(d *scriptedDirectory) { d.unasked = errors.New("made up by a test") }, false},
		{"no topics", func(d *scriptedDirectory) { d.unlisted = errors.New("made up by a test") }, false},
		{"nobody speaks of the topic", func(d *scriptedDirectory) { d.now = listing{err: errLeftOut} }, false},
		{"the topic seems gone", func(d *scriptedDirectory) { d.now = listing{} }, false},
		{"no answer at all", func(d *scriptedDirectory) { d.silent = errors.New("made up by a test") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scripted{}
			d := newDiscovered(t, s)
			cut := func() scriptedDirectory {
				return scriptedDirectory{
					now:   listing{log: "one", id: [16]byte{1}, leaders: []int32{1, 1}},
					first: map[int32]offset{0: {at: 1500}, 1: {at: 1500}},
					end:   map[int32]offset{0: {at: 2000}, 1: {at: 2000}},
				}
			}
			*d.directory = cut()
			c.fail(d.directory)
			s.events = []event{d.r.outsideOf(0), d.r.outsideOf(1)}
			d.r.pump()
			d.r.voice()
			for range 3 {
				d.next(t)
			}
			var want []string
			if c.other {
				want = []string{"drop 1:1500", "add 1:1500"}
			}
			if !slices.Equal(s.moves, want) {
				t.Fatalf("without an answer about 0: moved %v, want %v", s.moves, want)
			}
			*d.directory = cut()
			d.due = time.Time{} // as for a topic that seems gone the survey is in its own time
			d.next(t)
			if want := "Lost 0/0:1000-1499, next 1500"; len(d.to.of("Lost")) != 2 || !slices.ContainsFunc(d.to.of("Lost"), func(p push) bool { return p.String() == want }) {
				t.Errorf("%v", d.to.of("Lost"))
			}
			if !slices.Contains(s.moves, "add 0:1500") || !slices.Contains(s.moves, "add 1:1500") {
				t.Errorf("moved %v", s.moves)
			}
			// Answered, it is done with.
			s.moves, d.due = nil, time.Time{}
			if pause := d.next(t); s.moves != nil || pause != greetEvery || len(d.unanswered) != 0 {
				t.Errorf("moved %v, pause %v, %d unanswered", s.moves, pause, len(d.unanswered))
			}
		})
	}
}

// While there is something to find out, discovery does not wait for the next survey.
func TestADoubtIsAskedAgainSoon(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	d := newDiscovered(t, s)
	delete(d.directory.end, 0)
	s.events = []event{d.r.outsideOf(0)}
	d.r.pump()
	d.r.voice()
	for range 3 {
		if pause := d.next(t); pause > lookAgain {
			t.Fatalf("pause %v", pause)
		}
	}
	d.directory.end[0] = offset{at: 1000}
	if d.next(t); !slices.Equal(s.moves, []string{"drop 0:1000", "add 0:1000"}) {
		t.Errorf("moved %v", s.moves)
	}
}

// A doubt about a log that is no more is forgotten.
func TestADoubtAboutALogThatIsNoMore(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	d := newDiscovered(t, s)
	delete(d.directory.end, 0)
	s.events = []event{d.r.outsideOf(0)}
	d.r.pump()
	d.r.voice()
	d.next(t)
	d.directory.now = listing{log: "two", id: [16]byte{2}, leaders: []int32{1, 1}}
	d.directory.end[0] = offset{at: 5}
	d.next(t)
	if len(d.unanswered) != 0 || d.to.of("Lost") != nil || len(d.to.of("Remade")) != 1 {
		t.Errorf("%d unanswered; %v", len(d.unanswered), d.to.all)
	}
}

// A partition that cannot be located keeps no answer about others back, nor the
// reader from reading them.
func TestAPartitionThatCannotBeLocated(t *testing.T) {
	t.Parallel()
	s, second := &scripted{}, &scripted{}
	d := newDiscovered(t, s, second)
	d.directory.now.leaders = []int32{1, 1, 1} // and nothing is said of the third
	d.directory.first[0] = offset{at: 1500}
	s.events = []event{d.r.outsideOf(0)}
	d.r.pump()
	d.r.voice()
	d.next(t)
	if want := []string{"drop 0:1500", "add 0:1500"}; !slices.Equal(s.moves, want) || len(d.to.of("Lost")) != 1 {
		t.Errorf("moved %v, want %v; %v", s.moves, want, d.to.of("Lost"))
	}
	s.missed = true
	if d.r.pump(); d.r.held == 0 {
		t.Fatal("not held")
	}
	d.r.opened = time.Time{}
	if d.next(t); d.r.held != 0 {
		t.Error("held until the third is located")
	}
	if d.r.open(); !slices.Equal(second.moves, []string{"add 0:1500", "add 1:1000"}) {
		t.Errorf("reading goes on with %v", second.moves)
	}
	d.directory.first[2], d.directory.end[2] = offset{at: 3}, offset{at: 7}
	d.due = time.Time{}
	if d.next(t); !slices.Contains(second.moves, "add 2:3") {
		t.Errorf("the third is not read: %v", second.moves)
	}
}

// What one partition cannot be asked keeps no answer about another back, be it that
// nobody leads it or that its leader is silent.
func TestAPartitionWithoutAnswers(t *testing.T) {
	t.Parallel()
	silent := errors.New("made up by a test")
	for _, c := range []struct {
		name    string
		leaders []int32
	}{
		{"nobody leads it", []int32{1, nobody, 1}},
		{"its leader is silent", []int32{1, 2, 1}},
		{"a broker that does not know of it was asked", []int32{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scripted{}
			d := newDiscovered(t, s)
			all := &listing{log: "one", id: [16]byte{1}, leaders: []int32{1, 2, 1}}
			some := *all
			some.leaders = c.leaders
			d.directory.now, d.directory.refuses = some, map[int32]error{1: silent}
			d.directory.first = map[int32]offset{0: {at: 1500}, 1: {at: 1500}, 2: {at: 3}}
			d.directory.end = map[int32]offset{0: {at: 2000}, 1: {at: 2000}, 2: {at: 7}}
			d.directory.asked = func(p place) {
				if d.leader(p) == nobody {
					t.Errorf("%v is asked about", p)
				}
			}
			d.due, d.measured = time.Time{}, time.Time{}
			d.topics[0].parts[1].high = 1200
			s.events = []event{d.r.outsideOf(0), d.r.outsideOf(1)}
			d.r.pump()
			d.r.voice()
			if pause := d.next(t); pause != lookAgain {
				t.Errorf("pause %v, want %v", pause, lookAgain)
			}
			want := []string{"drop 0:1500", "add 0:1500"}
			lag := int64(2000-1000) + 200
			if len(c.leaders) == 3 {
				want, lag = append([]string{"add 2:3"}, want...), lag+4
			}
			if !slices.Equal(s.moves, want) {
				t.Fatalf("moved %v, want %v", s.moves, want)
			}
			// Of what it has no answer about, what was known last counts.
			if got := d.counters.events[0].lag.Load(); got != lag {
				t.Errorf("lag %d, want %d", got, lag)
			}
			d.directory.now, d.directory.refuses = *all, nil
			d.next(t)
			if want := "Lost 0/1:1000-1499, next 1500"; !slices.ContainsFunc(d.to.of("Lost"), func(p push) bool { return p.String() == want }) {
				t.Errorf("%v", d.to.of("Lost"))
			}
			if pause := d.next(t); pause != greetEvery {
				t.Errorf("all is answered, and it asks again in %v", pause)
			}
		})
	}
}

// Led by nobody at the start, a partition does not hold up reading the others, and
// is read as one that was there when somebody leads it. Loaded waits for it.
func TestAPartitionThatIsLedLater(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	c, r, to := scriptedConsumer(t, s)
	dir := &scriptedDirectory{
		now:     listing{log: "one", id: [16]byte{1}, leaders: []int32{nobody, 1}},
		first:   map[int32]offset{0: {}, 1: {}, 2: {at: 40}},
		end:     map[int32]offset{0: {at: 5000}, 1: {at: 5000}, 2: {at: 5000}},
		refuses: map[int32]error{0: errors.New("made up by a test")},
	}
	d := &discovered{newDiscovery(c, dir, r), r, to, dir}
	if d.next(t); !slices.Equal(s.moves, []string{"add 1:4000"}) || r.surveyed {
		t.Fatalf("moved %v, surveyed: %v", s.moves, r.surveyed)
	}
	dir.now.leaders = []int32{nobody, 1, 1} // one that is found later does not wait for it
	if d.next(t); !slices.Equal(s.moves, []string{"add 1:4000", "add 2:40"}) || r.surveyed {
		t.Fatalf("moved %v, surveyed: %v", s.moves, r.surveyed)
	}
	if r.flush(); !c.Surveyed().IsZero() {
		t.Errorf("surveyed at %v, and a partition is not led", c.Surveyed())
	}
	began := time.Now()
	dir.now.leaders, dir.refuses = []int32{2, 1, 1}, nil
	d.next(t)
	if want := []string{"add 1:4000", "add 2:40", "add 0:4000"}; !slices.Equal(s.moves, want) || !r.surveyed || r.waiting != 2 {
		t.Errorf("moved %v, want %v; surveyed: %v, waiting for %d", s.moves, want, r.surveyed, r.waiting)
	}
	// The sink has to be told before anybody hears that all there is is known.
	if at := c.Surveyed(); !at.IsZero() {
		t.Errorf("surveyed at %v, and the sink has not been told", at)
	}
	if r.flush(); c.Surveyed().Before(began) {
		t.Errorf("surveyed at %v, before the partition was led at %v", c.Surveyed(), began)
	}
}

// While nobody speaks of a topic its name may be another log's: where that begins
// is no place to read the one that is known from.
func TestNothingIsLocatedOfATopicThatNobodySpeaksOf(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	d := newDiscovered(t, s)
	d.directory.now.leaders = []int32{1, 1, nobody}
	d.due = time.Time{}
	d.next(t)
	d.directory.first[2], d.directory.end[2] = offset{at: 3}, offset{at: 7}
	for _, topic := range d.topics {
		topic.leaders = []int32{1, 1, 1} // led since, and then silence
	}
	d.directory.now = listing{err: errLeftOut}
	if d.next(t); s.moves != nil {
		t.Errorf("moved %v", s.moves)
	}
}
