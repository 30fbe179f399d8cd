package history

import (
	"bytes"
	"slices"

	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// model remembers everything that was ever told to a log, in order, and finds
// each answer by going through all of it.
type model struct {
	events  []string
	steps   []step
	entries []step // those of steps that have a number
	first   uint64
}

type step struct {
	kind      stepKind
	number    uint64 // of an entry; else of the next one
	event     int
	partition int32
	offset    int64 // as Append, Started, Passed have it; next for lost
	log       string
	symbol    string
	tombstone bool
	value     []byte
	gap       Gap
}

type stepKind int

const (
	opened stepKind = iota
	started
	record
	passed
	lost
	remade
)

// shown is what a View must go on showing.
type shown struct {
	*model
	view       *View
	first, end uint64
	steps      []step
}

func (m *model) show(v *View) *shown {
	return &shown{model: m, view: v, first: m.first, end: uint64(len(m.entries)), steps: slices.Clone(m.steps)}
}

// positions goes through the steps before a reader at number n.
func (s *shown) position(event int, n uint64) wire.Position {
	n = max(n, s.first)
	log, dealt := "", map[int32]int64{}
	for _, st := range s.steps {
		if st.event != event {
			continue
		}
		switch st.kind {
		case opened:
			if st.number <= n {
				log = st.log
			}
		case started:
			if st.number <= n {
				dealt[st.partition] = st.offset - 1
			}
		case record:
			if st.number < n {
				dealt[st.partition] = st.offset
			}
		case passed:
			if at, ok := dealt[st.partition]; ok && n >= s.end {
				dealt[st.partition] = max(at, st.offset)
			}
		case lost:
			if st.number < n {
				dealt[st.partition] = st.offset - 1
			}
		case remade:
			if st.number < n {
				log = st.log
				clear(dealt)
			}
		}
	}
	pos := wire.Position{Log: log, At: []int64{}}
	for p, offset := range dealt {
		for int(p) >= len(pos.At) {
			pos.At = append(pos.At, -1)
		}
		pos.At[p] = offset
	}
	return pos
}

// bases are the first offsets in reach of the partitions that are read, and
// fresh the entries that new resumes may see.
func (s *shown) bases(event int) (bases map[int32]int64, fresh []step) {
	bases = map[int32]int64{}
	for _, st := range s.steps {
		if st.event != event {
			continue
		}
		drop := func(p int32) {
			fresh = slices.DeleteFunc(fresh, func(o step) bool { return o.partition == p })
		}
		switch st.kind {
		case started, lost:
			bases[st.partition] = st.offset
			drop(st.partition)
		case remade:
			clear(bases)
			fresh = nil
		case record:
			if st.number < s.first {
				bases[st.partition] = st.offset + 1
			} else {
				fresh = append(fresh, st)
			}
		}
	}
	return bases, fresh
}

func (s *shown) recoverable(event int, pos wire.Position) (Recovery, []int32) {
	now := s.position(event, s.end)
	bases, _ := s.bases(event)
	switch {
	case pos.Log != "" && now.Log == "":
		return Ahead, nil
	case pos.Log != "" && pos.Log != now.Log:
		return Lost, nil
	case pos.Log == "":
		pos.At = nil
	}
	var ahead []int32
	for p, base := range bases {
		if pos.Last(p)+1 < base {
			return Lost, nil
		}
	}
	for p := range int32(len(pos.At)) {
		if _, read := bases[p]; pos.At[p] >= 0 && (!read || pos.At[p] > now.Last(p)) {
			ahead = append(ahead, p)
		}
	}
	if ahead != nil {
		return Ahead, ahead
	}
	return Recovered, nil
}

func (s *shown) starts(event int, pos wire.Position) map[int32]uint64 {
	if pos.Log == "" {
		pos.At = nil
	}
	starts := map[int32]uint64{}
	_, fresh := s.bases(event)
	for _, e := range slices.Backward(fresh) {
		if e.offset > pos.Last(e.partition) {
			starts[e.partition] = e.number
		}
	}
	return starts
}

// read lists the entries that a pull returns.
func (s *shown) read(from, bound uint64, want func(step) bool) []uint64 {
	var all []uint64
	for n := max(from, s.first); n < min(bound, s.end); n++ {
		if want(s.entries[n]) {
			all = append(all, n)
		}
	}
	return all
}

func (s *shown) check(t *rapid.T) {
	v := s.view
	if v.First != s.first || v.End != s.end {
		t.Fatalf("shows [%d,%d), want [%d,%d)", v.First, v.End, s.first, s.end)
	}
	for n := s.first; n < s.end; n++ {
		s.checkEntry(t, n)
	}
	somewhere := func(label string) uint64 {
		return rapid.Uint64Range(s.first-min(s.first, 3), s.end+2).Draw(t, label)
	}
	for event := range s.events {
		for range 3 {
			n := somewhere("stand")
			if got, want := v.Position(event, n), s.position(event, n); got.Log != want.Log || !slices.Equal(got.At, want.At) {
				t.Fatalf("event %d: position at %d of [%d,%d) is %+v, want %+v", event, n, s.first, s.end, got, want)
			}
		}
		s.checkCursor(t, event, somewhere("cursor"))
		s.checkRead(t, event, somewhere("from"), somewhere("bound"))
	}
}

func (s *shown) checkEntry(t *rapid.T, n uint64) {
	v, want := s.view, s.entries[n]
	got := v.Entry(n)
	if int(got.Event) != want.event || got.ReadAt != int64(n) {
		t.Fatalf("entry %d is %+v, want %+v", n, got, want)
	}
	if want.kind != record {
		if got.Kind != GapEntry || v.Gap(n) != want.gap || v.Body(n) != nil || v.Superseded(n) {
			t.Fatalf("entry %d is %+v, want gap %+v", n, got, want.gap)
		}
		return
	}
	kind := Message
	if want.tombstone {
		kind = Tombstone
	}
	if got.Kind != kind || got.Offset != want.offset || got.Partition != want.partition || got.Timestamp != want.offset*2 {
		t.Fatalf("entry %d is %+v, want %+v", n, got, want)
	}
	body := wire.AppendBody(nil, wire.Record{
		Symbol: []byte(want.symbol), Event: s.events[want.event], Partition: want.partition,
		Offset: want.offset, Timestamp: want.offset * 2, Value: want.value,
	})
	if !bytes.Equal(v.Body(n), body) {
		t.Fatalf("body %d is %s, want %s", n, v.Body(n), body)
	}
	newer := s.read(n+1, s.end, func(e step) bool {
		return e.kind == record && e.symbol == want.symbol && e.event == want.event
	})
	if got := v.Superseded(n); got != (kind == Message && len(newer) > 0) {
		t.Fatalf("entry %d superseded: %v; newer are %v", n, got, newer)
	}
}

func (s *shown) checkCursor(t *rapid.T, event int, n uint64) {
	v := s.view
	pos := s.position(event, n)
	if rapid.IntRange(0, 9).Draw(t, "other log") == 0 {
		pos.Log = rapid.SampledFrom([]string{"", "another"}).Draw(t, "log")
	}
	for p := range pos.At {
		pos.At[p] = max(-1, pos.At[p]+int64(rapid.IntRange(-2, 2).Draw(t, "moved")))
	}
	if rapid.IntRange(0, 9).Draw(t, "more") == 0 {
		pos.At = append(pos.At, make([]int64, rapid.IntRange(1, 4).Draw(t, "so many"))...)
	}
	got, ahead := v.Recoverable(event, pos)
	want, wantAhead := s.recoverable(event, pos)
	if got != want || !slices.Equal(ahead, wantAhead) {
		t.Fatalf("event %d: %+v is %d %v, want %d %v", event, pos, got, ahead, want, wantAhead)
	}
	if v.Ahead(event, pos) != (want == Ahead) {
		t.Fatalf("event %d: %+v is ahead: %v", event, pos, want != Ahead)
	}
	now := s.position(event, s.end)
	bases, _ := s.bases(event)
	for p := int32(-1); p < 5; p++ {
		next, ok := v.Next(event, p)
		if _, want := bases[p]; ok != want || ok && next != now.Last(p)+1 {
			t.Fatalf("event %d: next of %d is %d, %v, want %d, %v", event, p, next, ok, now.Last(p)+1, want)
		}
	}
	if got != Recovered {
		return
	}
	starts, wantStarts := v.Starts(event, pos), s.starts(event, pos)
	for p, n := range starts {
		if want, ok := wantStarts[int32(p)]; ok && n != want || !ok && n != s.end {
			t.Fatalf("event %d: starts after %+v are %v, want %v", event, pos, starts, wantStarts)
		}
		delete(wantStarts, int32(p))
	}
	if len(wantStarts) > 0 {
		t.Fatalf("event %d: starts after %+v are %v, and not %v", event, pos, starts, wantStarts)
	}
}

func (s *shown) checkRead(t *rapid.T, event int, from, bound uint64) {
	v := s.view
	var starts []uint64
	for range rapid.IntRange(0, 3).Draw(t, "starts") {
		starts = append(starts, rapid.Uint64Range(s.first, s.end).Draw(t, "start"))
	}
	after := func(e step) bool { return int(e.partition) >= len(starts) || e.number >= starts[e.partition] }
	var r Reader
	r.Reset(bound)
	r.Event(v, event, from, starts)
	r.Gaps(v, event, from)
	want := s.read(from, bound, func(e step) bool { return e.event == event && (e.kind != record || after(e)) })
	if got := drain(&r); !slices.Equal(got, want) {
		t.Fatalf("event %d from %d to %d %v: %v, want %v", event, from, bound, starts, got, want)
	}

	// Some channels together, one of them twice.
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(symbols), 1, 3, rapid.ID[string]).Draw(t, "channels")
	r.Reset(bound)
	for _, symbol := range append(names, names[0]) {
		ch := v.Channels.Hold(symbol, s.events[event], event)
		defer v.Channels.Release(ch)
		r.Channel(v, ch, from, starts)
	}
	want = s.read(from, bound, func(e step) bool {
		return e.event == event && e.kind == record && slices.Contains(names, e.symbol) && after(e)
	})
	if got := drain(&r); !slices.Equal(got, want) {
		t.Fatalf("event %d %q from %d to %d %v: %v, want %v", event, names, from, bound, starts, got, want)
	}
	if n, ok := r.Peek(); ok || n != bound {
		t.Fatalf("at its end the reader says %d, %v", n, ok)
	}

	ch := v.Channels.Hold(names[0], s.events[event], event)
	defer v.Channels.Release(ch)
	k := rapid.IntRange(1, 6).Draw(t, "newest")
	newest := s.read(0, bound, func(e step) bool {
		return e.event == event && e.kind == record && e.symbol == names[0]
	})
	first := bound
	if len(newest) > 0 {
		first = newest[max(0, len(newest)-k)]
	}
	if got := v.NewestFrom(ch, k, bound); got != first {
		t.Fatalf("newest %d of %s below %d are from %d on, want %d of %v", k, names[0], bound, got, first, newest)
	}
}
