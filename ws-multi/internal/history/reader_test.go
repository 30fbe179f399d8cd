package history

import (
	"math"
	"slices"
	"testing"
)

func TestNewest(t *testing.T) {
	l := testLog(1<<20, 1, 2)
	var ns []uint64
	for i := range int64(10) {
		ns = append(ns, put(l, "A", int32(i%2), i))
		put(l, "B", 0, 100+i)
	}
	v := l.Publish(0)
	ch := channelOf(t, v, "A")
	for _, c := range []struct {
		k     int
		bound uint64
		want  uint64
	}{
		{1, v.End, ns[9]}, {3, v.End, ns[7]}, {10, v.End, ns[0]}, {11, math.MaxUint64, ns[0]},
		{2, ns[5], ns[3]}, {100, ns[5], ns[0]}, {1, ns[0], ns[0]}, {1, 0, 0}, {0, v.End, v.End},
	} {
		if got := v.NewestFrom(ch, c.k, c.bound); got != c.want {
			t.Errorf("newest %d below %d from %d, want %d", c.k, c.bound, got, c.want)
		}
	}
	if got := readChannel(v, ch, v.NewestFrom(ch, 4, ns[8]), ns[8], nil); !slices.Equal(got, ns[4:8]) {
		t.Errorf("%v, want %v", got, ns[4:8])
	}
}

func TestSuperseded(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	a := put(l, "A", 0, 0)
	gone := l.Append(&Record{Symbol: []byte("A"), Offset: 1, Tombstone: true, Value: []byte("not looked at")}, 0)
	b := put(l, "A", 0, 2)
	v := l.Publish(0)
	c := put(l, "A", 0, 3)
	w := l.Publish(0)
	for _, x := range []struct {
		v    *View
		n    uint64
		want bool
	}{{v, a, true}, {v, gone, false}, {v, b, false}, {w, b, true}, {w, c, false}} {
		if got := x.v.Superseded(x.n); got != x.want {
			t.Errorf("%d below %d: %v", x.n, x.v.End, got)
		}
	}
}

// A channel that comes back while an old View is still read has its old entries
// there, though it is another object and nothing of them is in its lists; and an
// old number that another channel has got means the old channel.
func TestChannelThatIsGone(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	put(l, "A", 0, 0)
	put(l, "A", 0, 1)
	put(l, `A"`, 0, 2)
	old := l.Publish(0)
	l.options.Window = -1
	l.Evict(0, math.MaxUint64, 9)
	l.Publish(0)
	if l.Channels().Len() != 0 {
		t.Fatal("channels are left")
	}
	put(l, "B", 0, 3)
	put(l, "B", 0, 4)
	l.Publish(0)
	a := l.Channels().Hold("A", "e0", 0)
	if got := readChannel(old, a, 0, old.End, nil); !slices.Equal(got, []uint64{0, 1}) {
		t.Errorf("A had %v", got)
	}
	if got := readChannel(old, a, 1, old.End, nil); !slices.Equal(got, []uint64{1}) {
		t.Errorf("A had %v from 1 on", got)
	}
	if got := readChannel(old, channelOf(t, old, "B"), 0, old.End, nil); len(got) > 0 {
		t.Errorf("B had %v", got)
	}
	if got := old.NewestFrom(a, 1, old.End); got != 1 {
		t.Errorf("newest is %d", got)
	}
	if !old.Superseded(0) || old.Superseded(1) {
		t.Error("another channel's entries were looked at")
	}
}

// A Reader is used again, keeps nothing of before, and no huge heap.
func TestReaderReset(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	first := put(l, "A", 0, 0)
	v := l.Publish(0)
	ch := channelOf(t, v, "A")
	var r Reader
	if n, ok := r.Peek(); n != 0 || ok {
		t.Errorf("empty: %d, %v", n, ok)
	}
	r.Advance()
	r.Reset(v.End)
	for range keepLists + 1 {
		r.Channel(v, ch, 0, nil)
	}
	if got := drain(&r); !slices.Equal(got, []uint64{first}) {
		t.Errorf("%v", got)
	}
	if r.Reset(7); cap(r.heap) > 0 {
		t.Errorf("room for %d lists is kept", cap(r.heap))
	}
	if n, ok := r.Peek(); n != 7 || ok {
		t.Errorf("after reset: %d, %v", n, ok)
	}
	pull := func() {
		r.Reset(v.End)
		r.Channel(v, ch, 0, nil)
		r.Event(v, 0, 0, nil)
		r.Gaps(v, 0, 0)
		r.Advance()
	}
	pull()
	if n := testing.AllocsPerRun(100, pull); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAge(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	if got := l.View().Age(99); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
	l.Append(&Record{Symbol: []byte("A"), Value: []byte("1")}, 5)
	l.Append(&Record{Symbol: []byte("A"), Value: []byte("1")}, 20)
	v := l.Publish(20)
	if got := v.Age(30); got != 25 || v.At != 20 {
		t.Errorf("%d ms, published at %d", got, v.At)
	}
	l.options.Window = 20
	if more := l.Evict(30, 0, 9); more || l.Len() != 2 {
		t.Errorf("evicted what must be kept")
	}
	if l.Evict(30, 9, 9); l.Publish(30).Age(30) != 10 {
		t.Errorf("%d entries left", l.Len())
	}
}
