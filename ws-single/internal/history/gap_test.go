package history

import (
	"slices"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

func add(l *Log, name string, p int32, offset int64) uint64 {
	n, _ := l.Append(&Record{Name: []byte(name), Partition: p, Offset: offset, Body: []byte("x")}, 0)
	return n
}

func newLog(starts ...int64) *Log {
	l := New(channel.NewTable(), 1, Limits{Window: 1000, Bytes: 1 << 20})
	l.Opened(0, "one")
	for p, at := range starts {
		l.Started(0, int32(p), at)
	}
	return l
}

func TestGapRaisesTheBaseForNewResumesOnly(t *testing.T) {
	l := newLog(0, 0)
	add(l, "A.e", 0, 0)
	add(l, "A.e", 0, 1)
	gap := l.Lost(0, 0, 2, 9, 10, 0)
	last := add(l, "A.e", 0, 10)

	for _, c := range []struct {
		at   int64
		want Recovery
	}{{-1, Lost}, {1, Lost}, {8, Lost}, {9, Recovered}, {10, Recovered}, {11, Ahead}} {
		if got, _ := l.Recoverable(0, wire.Position{Log: "one", At: []int64{c.at}}); got != c.want {
			t.Errorf("at %d: %d, want %d", c.at, got, c.want)
		}
	}
	if got := l.Position(0, gap).At; !slices.Equal(got, []int64{1, -1}) {
		t.Errorf("before the gap: %v", got)
	}
	if got := l.Position(0, gap+1).At; !slices.Equal(got, []int64{9, -1}) {
		t.Errorf("after the gap: %v", got)
	}
	// Who was behind still reads across it, in order.
	r := l.Open(l.Next())
	r.Event(0, 0, nil)
	r.Gaps(0, 0)
	if got := drain(r); !slices.Equal(got, []uint64{0, 1, gap, last}) {
		t.Errorf("read %v", got)
	}
	if g, ok := l.Gap(gap); !ok || g.From != 2 || g.To != 9 {
		t.Errorf("gap %+v, %v", g, ok)
	}
}

func TestTruncationSetsPositionsBack(t *testing.T) {
	l := newLog(0)
	for i := range int64(6) {
		add(l, "A.e", 0, i)
	}
	l.Lost(0, 0, 3, 5, 3, 0) // the log ends at 3 now
	again := add(l, "A.e", 0, 3)
	if got := l.Position(0, l.Next()).At; !slices.Equal(got, []int64{3}) {
		t.Errorf("position %v", got)
	}
	pos := wire.Position{Log: "one", At: []int64{2}}
	if got, _ := l.Recoverable(0, pos); got != Recovered {
		t.Errorf("verdict %d", got)
	}
	r := l.Open(l.Next())
	r.Event(0, 0, l.Starts(0, pos))
	if got := drain(r); !slices.Equal(got, []uint64{again}) {
		t.Errorf("resume brings %v, want only what the log holds now, %d", got, again)
	}
}

func TestTopicMadeAnewIsAnotherLog(t *testing.T) {
	l := newLog(0, 0)
	add(l, "A.e", 0, 0)
	add(l, "A.e", 1, 7)
	gap := l.Remade(0, "two", 0)
	if got := l.Position(0, gap+1); got.Log != "two" || len(got.At) != 0 {
		t.Errorf("right after: %+v", got)
	}
	l.Started(0, 0, 0)
	n := add(l, "A.e", 0, 0)
	if got := l.Position(0, gap); got.Log != "one" || !slices.Equal(got.At, []int64{0, 7}) {
		t.Errorf("before: %+v", got)
	}
	if got := l.Position(0, l.Next()); got.Log != "two" || !slices.Equal(got.At, []int64{0}) {
		t.Errorf("now: %+v", got)
	}
	if got, _ := l.Recoverable(0, wire.Position{Log: "one", At: []int64{0, 7}}); got != Lost {
		t.Errorf("a cursor of the old log: %d", got)
	}
	r := l.Open(l.Next())
	r.Event(0, 0, l.Starts(0, wire.Position{Log: "two"}))
	if got := drain(r); !slices.Equal(got, []uint64{n}) {
		t.Errorf("resume brings %v, want %d", got, n)
	}
}

func TestTopicThatDoesNotExistYet(t *testing.T) {
	l := New(channel.NewTable(), 1, Limits{Window: 1000, Bytes: 1 << 20})
	before := l.Position(0, l.Next())
	if before.Log != "" || before.At == nil || len(before.At) != 0 {
		t.Fatalf("position %+v", before)
	}
	if got, _ := l.Recoverable(0, before); got != Recovered {
		t.Fatalf("verdict %d", got)
	}
	l.Opened(0, "one")
	l.Started(0, 0, 0)
	n := add(l, "A.e", 0, 0)
	if got, _ := l.Recoverable(0, before); got != Recovered {
		t.Fatalf("verdict %d once it exists", got)
	}
	r := l.Open(l.Next())
	r.Event(0, 0, l.Starts(0, before))
	if got := drain(r); !slices.Equal(got, []uint64{n}) {
		t.Errorf("resume brings %v, want its beginning", got)
	}
}

func TestNewest(t *testing.T) {
	l := newLog(0, 0)
	var ns []uint64
	for i := range int64(10) {
		ns = append(ns, add(l, "A.e", int32(i%2), i))
		add(l, "B.e", 0, 100+i)
	}
	id, _ := l.table.Find([]byte("A.e"))
	r := l.Open(l.Next())
	r.Newest(id, 3, 0)
	if got := drain(r); !slices.Equal(got, ns[7:]) {
		t.Errorf("newest 3: %v, want %v", got, ns[7:])
	}
	r = l.Open(ns[5])
	r.Newest(id, 100, ns[2])
	if got := drain(r); !slices.Equal(got, ns[2:5]) {
		t.Errorf("newest below %d from %d: %v, want %v", ns[5], ns[2], got, ns[2:5])
	}
}

func TestSuperseded(t *testing.T) {
	l := newLog(0)
	a := add(l, "A.e", 0, 0)
	tomb, _ := l.Append(&Record{Name: []byte("A.e"), Offset: 1, Body: []byte("x"), Tombstone: true}, 0)
	b := add(l, "A.e", 0, 2)
	for n, want := range map[uint64]bool{a: true, tomb: false, b: false} {
		if l.Superseded(n) != want {
			t.Errorf("%d: %v", n, !want)
		}
	}
}

// Bodies larger than a chunk get their own, and chunks are dropped with their
// last entry.
func TestChunks(t *testing.T) {
	l := New(channel.NewTable(), 1, Limits{Window: 1000, Bytes: 3 << 20})
	l.Opened(0, "one")
	l.Started(0, 0, 0)
	sizes := []int{10, chunkSize - 5, 10, 2 * chunkSize, 10, 100, chunkSize}
	for i, size := range sizes {
		body := make([]byte, size)
		body[0], body[size-1] = byte(i+1), byte(i+1)
		n, _ := l.Append(&Record{Name: []byte("A.e"), Offset: int64(i), Body: body}, 0)
		if got := l.Body(n); len(got) != size || got[0] != byte(i+1) || got[size-1] != byte(i+1) {
			t.Fatalf("body %d has %d bytes", i, len(got))
		}
	}
	for l.Evict(0, 1<<60, 1) {
	}
	if l.Bytes() > 3<<20 {
		t.Errorf("%d bytes kept", l.Bytes())
	}
	for n := l.First(); n < l.Next(); n++ {
		if got := l.Body(n); len(got) != sizes[n] {
			t.Errorf("body %d has %d bytes, want %d", n, len(got), sizes[n])
		}
	}
	held := 0
	for _, c := range l.bodies.chunks {
		held += cap(c)
	}
	if held > 4<<20 {
		t.Errorf("%d bytes of chunks held", held)
	}
}
