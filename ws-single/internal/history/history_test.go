package history

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// model is a history as one would write it without caring for its cost.
type model struct {
	entries []modelEntry // of all time
	first   int          // the oldest that is kept
	bases   map[part]int64
	next    map[part]int64
}

type part struct {
	event int
	p     int32
}

type modelEntry struct {
	part
	name   string
	offset int64
	readAt int64
	size   int64
}

// TestLogAgainstModel appends, evicts and reads at random, and compares every
// list, cursor and resume with a plain list of entries.
func TestLogAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const events, partitions, symbols = 2, 3, 4
		limits := Limits{Window: int64(rapid.IntRange(1, 50).Draw(t, "window")), Bytes: int64(rapid.IntRange(200, 20_000).Draw(t, "bytes"))}
		table := channel.NewTable()
		l := New(table, events, limits)
		m := &model{bases: map[part]int64{}, next: map[part]int64{}}
		for e := range events {
			l.Opened(e, fmt.Sprintf("log%d", e))
			for p := range int32(partitions) {
				base := int64(rapid.IntRange(0, 5).Draw(t, "base"))
				l.Started(e, p, base)
				m.bases[part{e, p}] = base
				m.next[part{e, p}] = base
			}
		}
		now := int64(1000)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				pt := part{rapid.IntRange(0, events-1).Draw(t, "event"), int32(rapid.IntRange(0, partitions-1).Draw(t, "partition"))}
				offset := m.next[pt] + int64(rapid.IntRange(0, 2).Draw(t, "jump"))
				name := fmt.Sprintf("S%d.e%d", rapid.IntRange(0, symbols-1).Draw(t, "symbol"), pt.event)
				body := make([]byte, rapid.IntRange(1, 300).Draw(t, "size"))
				body[0] = byte(offset)
				n, _ := l.Append(&Record{Name: []byte(name), Event: pt.event, Partition: pt.p, Offset: offset, Body: body}, now)
				if n != uint64(len(m.entries)) {
					t.Fatalf("number %d, want %d", n, len(m.entries))
				}
				m.entries = append(m.entries, modelEntry{pt, name, offset, now, int64(len(body)) + entryBytes})
				m.next[pt] = offset + 1
			case 3:
				now += int64(rapid.IntRange(0, 20).Draw(t, "time"))
			case 4:
				l.Evict(now, 1<<60, 1000)
				m.evict(now, limits)
			case 5:
				pt := part{rapid.IntRange(0, events-1).Draw(t, "event"), int32(rapid.IntRange(0, partitions-1).Draw(t, "partition"))}
				l.Passed(pt.event, pt.p, m.next[pt])
				m.next[pt]++
			}
			m.compare(t, l, table)
		}
	})
}

func (m *model) evict(now int64, limits Limits) {
	bytes := int64(0)
	for _, e := range m.entries[m.first:] {
		bytes += e.size
	}
	for m.first < len(m.entries) {
		e := m.entries[m.first]
		if bytes <= limits.Bytes && now-e.readAt <= limits.Window {
			return
		}
		bytes -= e.size
		m.bases[e.part] = e.offset + 1
		m.first++
	}
}

func (m *model) compare(t *rapid.T, l *Log, table *channel.Table) {
	if l.First() != uint64(m.first) || l.Next() != uint64(len(m.entries)) {
		t.Fatalf("[%d, %d), want [%d, %d)", l.First(), l.Next(), m.first, len(m.entries))
	}
	names := map[string]bool{}
	for _, e := range m.entries[m.first:] {
		names[e.name] = true
	}
	if table.Len() != len(names) {
		t.Fatalf("%d channels held, want %d", table.Len(), len(names))
	}
	from := uint64(m.first)
	if n := len(m.entries) - m.first; n > 0 {
		from += uint64(rapid.IntRange(0, n).Draw(t, "from"))
	}
	wanted := map[string]bool{}
	r := l.Open(l.Next())
	for name := range names {
		if rapid.Bool().Draw(t, "want") {
			wanted[name] = true
			id, _ := table.Find([]byte(name))
			r.Channel(id, from, nil)
		}
	}
	whole := rapid.IntRange(-1, 1).Draw(t, "whole")
	if whole >= 0 {
		r.Event(whole, from, nil)
	}
	var want []uint64
	for n := from; n < uint64(len(m.entries)); n++ {
		if e := m.entries[n]; wanted[e.name] || e.event == whole {
			want = append(want, n)
		}
	}
	if got := drain(r); !slices.Equal(got, want) {
		t.Fatalf("read %v from %d, want %v", got, from, want)
	}
	for e := range 2 {
		m.comparePosition(t, l, e, from)
		m.compareResume(t, l, e)
	}
}

// comparePosition checks that a cursor covers exactly what is before a number.
func (m *model) comparePosition(t *rapid.T, l *Log, event int, n uint64) {
	pos := l.Position(event, n)
	for p, at := range pos.At {
		pt := part{event, int32(p)}
		for i := m.first; i < len(m.entries); i++ {
			e := m.entries[i]
			if e.part == pt && (uint64(i) < n) != (e.offset <= at) {
				t.Fatalf("position %v at %d: entry %d has offset %d", pos, n, i, e.offset)
			}
		}
		if n == l.Next() && at != m.next[pt]-1 {
			t.Fatalf("position %v at the end, want %d read of %v", pos, m.next[pt], pt)
		}
	}
}

// compareResume draws a cursor, and checks the verdict and what a resume brings.
func (m *model) compareResume(t *rapid.T, l *Log, event int) {
	pos := wire.Position{Log: fmt.Sprintf("log%d", event)}
	want := Recovered
	for p := range int32(3) {
		pt := part{event, p}
		at := m.bases[pt] - 2 + int64(rapid.IntRange(0, int(m.next[pt]-m.bases[pt])+3).Draw(t, "at"))
		at = max(at, -1)
		pos.At = append(pos.At, at)
		switch {
		case at+1 < m.bases[pt]:
			want = Lost
		case at >= m.next[pt] && want != Lost:
			want = Ahead
		}
	}
	got, _ := l.Recoverable(event, pos)
	if got != want {
		t.Fatalf("%v is %d, want %d; bases %v, next %v", pos, got, want, m.bases, m.next)
	}
	if got != Recovered {
		return
	}
	r := l.Open(l.Next())
	r.Event(event, 0, l.Starts(event, pos))
	var wanted []uint64
	for i := m.first; i < len(m.entries); i++ {
		if e := m.entries[i]; e.event == event && e.offset > pos.At[e.p] {
			wanted = append(wanted, uint64(i))
		}
	}
	if got := drain(r); !slices.Equal(got, wanted) {
		t.Fatalf("resume from %v brings %v, want %v", pos, got, wanted)
	}
}

func drain(r *Reader) []uint64 {
	var got []uint64
	for {
		n, ok := r.Peek()
		if !ok {
			r.Close()
			return got
		}
		got = append(got, n)
		r.Advance()
	}
}
