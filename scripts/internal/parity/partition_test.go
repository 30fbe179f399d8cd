package parity

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// scene is one partition of the event trade, with channels of which the watch has those of A and B and not those of C.
type scene struct {
	*partition
	channels *channels
	found    *findings
	late     *lateness
	next     int64
}

func newScene(t testing.TB) *scene {
	t.Helper()
	chans, err := newChannels([]Watch{{"ab", []string{"A.trade", "B.*"}}, {"all", []string{"*.trade"}}})
	if err != nil {
		t.Fatal(err)
	}
	found, late := newFindings([2]string{"one", "two"}), newLateness(time.Second)
	return &scene{newPartition("trade", 3, 100, 2, found, late), chans, found, late, 100}
}

// write adds the next record of a symbol to the log; "" is one without a channel.
func (s *scene) write(symbol string) record {
	offset := s.next
	s.next++
	if symbol == "" {
		s.skip(offset)
		return record{offset: offset}
	}
	r := s.recordOf(symbol, offset)
	s.add(r)
	return r
}

func (s *scene) recordOf(symbol string, offset int64) record {
	body := wire.AppendBody(nil, wire.Record{
		Symbol: []byte(symbol), Event: "trade", Partition: 3, Offset: offset, Timestamp: 5, Value: fmt.Appendf(nil, "%d", offset),
	})
	said, ok := partsOf(body)
	if !ok || string(said.ts) != "5" {
		panic(fmt.Sprintf("%s: %+v", body, said))
	}
	return record{offset: offset, channel: s.channels.of(said.channel), ts: 5, body: sha256.Sum256(body)}
}

func messageOf(r record) arrived {
	return arrived{offset: r.offset, channel: r.channel, ts: fmt.Sprint(r.ts), body: r.body, side: 1}
}

// told is what was found, in a line: 2 missing, 1 double.
func (s *scene) told() string {
	var some []string
	for side, name := range s.found.sides {
		counts := s.found.countsOf(side)
		for _, k := range Kinds {
			if counts[k] > 0 {
				some = append(some, fmt.Sprintf("%s %d %s", name, counts[k], k))
			}
		}
	}
	return strings.Join(some, ", ")
}

// alike says whether a seat has the log's digests of its channels.
func (s *scene) alike(at *seat) bool {
	for _, ch := range s.channels.all {
		if ch.in(at.watch) {
			want, got := s.chains[ch], at.chains[ch]
			if (want == nil) != (got == nil) || want != nil && *want != *got {
				return false
			}
		}
	}
	return true
}

// What is wrong with what a client got is named. The log is A0 B1 C2 A3 -4 B5 A6, and the client asked for A and B.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		gets func(r []record, s *scene) []arrived
		want string

		digests bool // are alike all the same
	}{
		{"all", func(r []record, _ *scene) []arrived { return of(r[0], r[1], r[3], r[5], r[6]) }, "", false},
		{"nothing", func([]record, *scene) []arrived { return nil }, "one 5 missing", false}, // the client is on one
		{"not the first", func(r []record, _ *scene) []arrived { return of(r[1], r[3], r[5], r[6]) }, "two 1 missing", false},
		{"not one between", func(r []record, _ *scene) []arrived { return of(r[0], r[1], r[5], r[6]) }, "two 1 missing", false},
		{"not the last", func(r []record, _ *scene) []arrived { return of(r[0], r[1], r[3], r[5]) }, "one 1 missing", false},
		{"one twice", func(r []record, _ *scene) []arrived { return of(r[0], r[1], r[1], r[3], r[5], r[6]) }, "two 1 double", false},
		{"one again later", func(r []record, _ *scene) []arrived { return of(r[0], r[1], r[3], r[5], r[6], r[0]) }, "two 1 double", false},
		{"one three times", func(r []record, _ *scene) []arrived { return of(r[0], r[0], r[0], r[1], r[3], r[5], r[6]) }, "two 2 double", false},
		{"two swapped", func(r []record, _ *scene) []arrived { return of(r[0], r[3], r[1], r[5], r[6]) }, "two 1 reordered", true},
		{"two of one channel swapped", func(r []record, _ *scene) []arrived { return of(r[0], r[3], r[5], r[1], r[6]) }, "two 1 reordered", false},
		{"the first last", func(r []record, _ *scene) []arrived { return of(r[1], r[3], r[5], r[6], r[0]) }, "two 1 reordered", false},
		{"backwards", func(r []record, _ *scene) []arrived { return of(r[6], r[5], r[3], r[1], r[0]) }, "two 4 reordered", false},
		{"other bytes", func(r []record, _ *scene) []arrived {
			all := of(r[0], r[1], r[3], r[5], r[6])
			all[2].body[7] ^= 1
			return all
		}, "two 1 changed", false},
		{"another channel", func(r []record, s *scene) []arrived {
			all := of(r[0], r[1], r[3], r[5], r[6])
			all[2].channel = s.channels.of([]byte("B.trade"))
			all[2].body[7] ^= 1
			return all
		}, "two 1 changed", false},
		{"late and other bytes", func(r []record, _ *scene) []arrived {
			all := of(r[1], r[0], r[3], r[5], r[6])
			all[1].body[7] ^= 1
			return all
		}, "two 1 reordered, two 1 changed", false},
		{"what nobody asked for", func(r []record, _ *scene) []arrived { return of(r[0], r[1], r[2], r[3], r[5], r[6]) }, "two 1 unknown", true},
		{"where the log has nothing", func(r []record, s *scene) []arrived { return of(r[0], r[1], r[3], s.recordOf("A", 104), r[5], r[6]) }, "two 1 unknown", false},
		{"from before", func(r []record, s *scene) []arrived { return of(s.recordOf("A", 7), r[0], r[1], r[3], r[5], r[6]) }, "two 1 unknown", false},
		{"from beyond the end", func(r []record, s *scene) []arrived { return of(r[0], r[1], r[3], r[5], r[6], s.recordOf("A", 108)) }, "", false},
	} {
		// The log's reader may be ahead of the client, or behind.
		for _, when := range []string{"after the log", "before the log"} {
			t.Run(c.name+" "+when, func(t *testing.T) {
				s := newScene(t)
				at := s.seat(&member{name: "client"}, 0, 0)
				var records []record
				for i, symbol := range []string{"A", "B", "C", "A", "", "B", "A"} {
					r := record{offset: int64(100 + i)}
					if symbol != "" {
						r = s.recordOf(symbol, r.offset)
					}
					records = append(records, r)
				}
				log := func() {
					for _, symbol := range []string{"A", "B", "C", "A", "", "B", "A"} {
						s.write(symbol)
					}
				}
				if when == "after the log" {
					log()
				}
				for _, a := range c.gets(records, s) {
					s.take(at, a)
				}
				if when == "before the log" {
					log()
				}
				s.until(107)
				s.write("A") // nothing of it counts
				s.finish()
				if got := s.told(); got != c.want {
					t.Errorf("found %q, want %q: %+v", got, c.want, s.found.told())
				}
				// A digest is of one channel that was asked for: two channels that change places leave each as it is.
				if got := s.alike(at); got != (c.want == "" || c.digests) {
					t.Errorf("digests alike: %t", got)
				}
				if !s.complete() {
					t.Error("the log was not read to its end")
				}
			})
		}
	}
}

func of(records ...record) []arrived {
	var all []arrived
	for _, r := range records {
		all = append(all, messageOf(r))
	}
	return all
}

// Whatever is done to a long stream, as much is found: with a window that it does not fit into, and whoever is ahead.
func TestAsMuchIsFound(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s := newScene(t)
		s.window, s.ahead = 64, 1<<20
		at, other := s.seat(&member{name: "client"}, 0, 0), s.seat(&member{name: "other", side: 1}, 1, 0)
		want := map[Kind]int64{}
		var log []string
		var gets []arrived
		whole := []arrived{}
		for i := range 2000 {
			symbol := []string{"A", "B", "C", ""}[rng.IntN(4)]
			log = append(log, symbol)
			if symbol == "" {
				continue
			}
			m := messageOf(s.recordOf(symbol, int64(100+i)))
			whole = append(whole, m)
			if symbol == "C" {
				continue
			}
			last := len(gets) - 1
			// What is done to one record must not be done to its neighbour: the sum would not be known.
			switch done := rng.IntN(200); {
			case i < 5 || i > 1990 || last < 1:
				gets = append(gets, m)
			case done == 0:
				want[Missing]++
			case done == 1:
				want[Double]++
				gets = append(gets, m, m)
			case done == 2 && gets[last].offset < m.offset && gets[last-1].offset < gets[last].offset && gets[last].body == s.recordOf(symbolAt(log, gets[last].offset), gets[last].offset).body:
				want[Reordered]++
				gets = append(gets[:last], m, gets[last])
			case done == 3:
				want[Changed]++
				m.body[0] ^= 1
				gets = append(gets, m)
			default:
				gets = append(gets, m)
			}
		}
		// Both go on in steps of their own.
		for len(log) > 0 || len(gets) > 0 || len(whole) > 0 {
			if n := min(rng.IntN(8), len(log)); n > 0 {
				for _, symbol := range log[:n] {
					s.write(symbol)
				}
				log = log[n:]
			}
			// Not further behind than the window.
			for len(gets) > 0 && (rng.IntN(3) > 0 || gets[0].offset < s.next-40) {
				s.take(at, gets[0])
				gets = gets[1:]
			}
			for len(whole) > 0 && (rng.IntN(3) > 0 || whole[0].offset < s.next-40) {
				s.take(other, whole[0])
				whole = whole[1:]
			}
			if len(s.records) > 2*s.window {
				t.Fatalf("seed %d: %d records are kept", seed, len(s.records))
			}
		}
		s.until(s.next)
		s.finish()
		got := s.found.countsOf(1)
		if missing := s.found.countsOf(0)[Missing]; missing > 0 {
			got[Missing] += missing
		}
		for _, k := range Kinds {
			if got[k] != want[k] {
				t.Fatalf("seed %d: %d %s were found, want %d; all of it %v, want %v", seed, got[k], k, want[k], got, want)
			}
		}
		if !s.alike(other) || s.found.ofClient("other") > 0 || s.alike(at) != (len(want) == 0) {
			t.Fatalf("seed %d: digests", seed)
		}
	}
}

func symbolAt(log []string, offset int64) string { return log[offset-100] }

// A client that has fallen out of the window has missed what is older, and goes on from there.
func TestTooFarBehind(t *testing.T) {
	s := newScene(t)
	s.window = 10
	at := s.seat(&member{name: "client"}, 0, 0)
	var all []record
	for range 35 {
		all = append(all, s.write("A"))
		if len(s.records) >= 20 {
			t.Fatalf("%d records are kept", len(s.records))
		}
	}
	for _, a := range of(all[20:]...) {
		s.take(at, a)
	}
	if got := s.told(); got != "one 20 missing" {
		t.Errorf("found %q", got)
	}
	s.take(at, messageOf(all[3])) // too late to be known for what it is
	s.finish()
	if got := s.told(); got != "one 20 missing, two 1 double" {
		t.Errorf("found %q", got)
	}
}

// A client that is far ahead of the log's reader waits for it.
func TestTooFarAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.ahead = 5
		at := s.seat(&member{name: "client"}, 0, 0)
		var taken int
		go func() {
			for i := range 12 {
				s.take(at, messageOf(s.recordOf("A", int64(100+i))))
				taken++
			}
		}()
		synctest.Wait()
		if taken != 5 {
			t.Errorf("%d were taken of a log that was not read, want 5", taken)
		}
		for range 4 {
			s.write("A")
		}
		synctest.Wait()
		if taken != 9 {
			t.Errorf("%d were taken, 4 of the log were read, want 9", taken)
		}
		s.close() // whoever waits may go
		synctest.Wait()
		if taken != 12 {
			t.Errorf("%d were taken after the end, want 12", taken)
		}
	})
}

func TestLateness(t *testing.T) {
	s := newScene(t)
	a, b := s.seat(&member{name: "a"}, 1, 0), s.seat(&member{name: "b", side: 1}, 1, 1)
	together(a, b)
	get := func(at *seat, r record, ms int, replayed bool) {
		m := messageOf(r)
		m.at, m.side, m.replayed = time.Duration(ms)*time.Millisecond, at.side, replayed
		s.take(at, m)
	}
	for _, c := range []struct {
		a, b     int
		replayed bool
	}{{0, 10, false}, {0, 30, false}, {2000, 500, false}, {5, 6000, true}, {7, 7, false}} {
		r := s.write("A")
		get(b, r, c.b, c.replayed)
		get(a, r, c.a, false)
	}
	if got := s.told(); got != "one 1 late" {
		t.Errorf("found %q", got)
	}
	if one, two := s.late.of(0), s.late.of(1); one.Records != 2 || two.Records != 2 || one.Max < 1490 || one.Max > 1510 || two.P50 < 9 || two.Max < 29 || two.Max > 31 {
		t.Errorf("one %+v, two %+v", one, two)
	}
	if n := len(a.times) + len(b.times); n > 0 {
		t.Errorf("%d times wait for nothing", n)
	}
}

// A client that moves was let down by the variant that first said that it had all, not by the next one.
func TestBlame(t *testing.T) {
	s := newScene(t)
	at := s.seat(&member{name: "client", side: 1}, 0, 0)
	var r []record
	for range 6 {
		r = append(r, s.write("A"))
	}
	on := func(side int, records ...record) {
		for _, a := range of(records...) {
			a.side = side
			s.take(at, a)
		}
	}
	on(0, r[0])
	s.claim(at, 101, 0) // it never brought r[1]
	s.claim(at, 101, 1)
	on(1, r[2], r[4])
	s.claim(at, 104, 1)
	s.claim(at, 105, 0)
	s.finish()
	if got := s.told(); got != "one 2 missing, two 1 missing" {
		t.Errorf("found %q: %+v", got, s.found.told())
	}
}
