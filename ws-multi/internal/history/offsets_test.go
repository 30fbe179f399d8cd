package history

import (
	"math"
	"slices"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

type verdict struct {
	pos  wire.Position
	want Recovery
}

func judge(t *testing.T, v *View, cases ...verdict) {
	t.Helper()
	for _, c := range cases {
		if got, ahead := v.Recoverable(0, c.pos); got != c.want {
			t.Errorf("%+v is %d %v, want %d", c.pos, got, ahead, c.want)
		}
	}
}

func stands(t *testing.T, v *View, n uint64, want wire.Position) {
	t.Helper()
	if got := v.Position(0, n); got.Log != want.Log || !slices.Equal(got.At, want.At) {
		t.Errorf("at %d: %+v, want %+v", n, got, want)
	}
}

// What was lost is lost to new resumes; who is behind gets all in order.
func TestGapRaisesTheBase(t *testing.T) {
	l := testLog(1<<20, 1, 2)
	put(l, "A", 0, 0)
	put(l, "A", 0, 1)
	gap := l.Lost(0, 0, 2, 9, 10, 0)
	after := put(l, "A", 0, 10)
	v := l.Publish(0)
	judge(t, v, verdict{at("one"), Lost}, verdict{at("one", 1), Lost}, verdict{at("one", 8), Lost},
		verdict{at("one", 9), Recovered}, verdict{at("one", 10), Recovered}, verdict{at("one", 11), Ahead})
	stands(t, v, gap, at("one", 1, -1))
	stands(t, v, gap+1, at("one", 9, -1))
	if got := readEvent(v, 0, 0, nil); !slices.Equal(got, []uint64{0, 1, gap, after}) {
		t.Errorf("reads %v", got)
	}
	if got, want := v.Gap(gap), (Gap{From: 2, To: 9}); got != want {
		t.Errorf("gap %+v", got)
	}
}

// A log that was cut off goes on at a lower offset than it had.
func TestTruncation(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	for i := range int64(6) {
		put(l, "A", 0, i)
	}
	l.Lost(0, 0, 3, 5, 3, 0)
	again := put(l, "A", 0, 3)
	v := l.Publish(0)
	stands(t, v, v.End, at("one", 3))
	judge(t, v, verdict{at("one", 2), Recovered}, verdict{at("one", 1), Lost}, verdict{at("one", 5), Ahead})
	if got := readEvent(v, 0, again, v.Starts(0, at("one", 2))); !slices.Equal(got, []uint64{again}) {
		t.Errorf("a resume reads %v, want %d", got, again)
	}
}

func TestTopicMadeAnew(t *testing.T) {
	l := testLog(1<<20, 1, 2)
	put(l, "A", 0, 0)
	put(l, "A", 1, 7)
	gap := l.Remade(0, "two", 0)
	v := l.Publish(0)
	stands(t, v, gap+1, at("two"))
	judge(t, v, verdict{at("one", 0, 7), Lost}, verdict{at("two"), Recovered}, verdict{at("two", 0), Ahead})
	l.Started(0, 0, 0)
	first := put(l, "A", 0, 0)
	v = l.Publish(0)
	stands(t, v, gap, at("one", 0, 7))
	stands(t, v, v.End, at("two", 0))
	if got := v.Starts(0, at("two")); !slices.Equal(got, []uint64{first, v.End}) {
		t.Errorf("starts %v", got)
	}
	if got, want := v.Gap(gap), (Gap{Log: "two"}); got != want {
		t.Errorf("gap %+v", got)
	}
}

// A cursor from before the topic existed means the log's beginning.
func TestTopicThatDoesNotExistYet(t *testing.T) {
	l := New(Options{Events: []string{"e0"}, Window: never, Bytes: 1 << 20})
	v := l.View()
	before := v.Position(0, v.End)
	if before.Log != "" || before.At == nil || len(before.At) != 0 {
		t.Fatalf("position %+v", before)
	}
	judge(t, v, verdict{before, Recovered}, verdict{at("one", 3), Ahead})
	l.Opened(0, "one")
	l.Started(0, 0, 0)
	n := put(l, "A", 0, 0)
	v = l.Publish(0)
	judge(t, v, verdict{before, Recovered})
	if got := v.Starts(0, before); !slices.Equal(got, []uint64{n}) {
		t.Errorf("starts %v", got)
	}
	l.Evict(0, never, 1)
	l.options.Window = -1
	l.Evict(0, never, 1)
	judge(t, l.Publish(0), verdict{before, Lost})
}

// Offsets may jump: only what was evicted is out of reach. What passed without a
// message counts for those at the end.
func TestJumpsAndProgress(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	put(l, "A", 0, 5)
	put(l, "A", 0, 9)
	l.Passed(0, 0, 20)
	l.Passed(0, 0, 11) // late
	v := l.Publish(0)
	stands(t, v, 0, at("one", -1))
	stands(t, v, 1, at("one", 5))
	stands(t, v, 2, at("one", 20))
	stands(t, v, 99, at("one", 20))
	if next, ok := v.Next(0, 0); next != 21 || !ok {
		t.Errorf("next %d, %v", next, ok)
	}
	judge(t, v, verdict{at("one", 2), Recovered}, verdict{at("one", 20), Recovered}, verdict{at("one", 21), Ahead})
	l.options.Window = -1
	l.Evict(0, 1, 9)
	v = l.Publish(0)
	judge(t, v, verdict{at("one", 4), Lost}, verdict{at("one", 5), Recovered})
	stands(t, v, 0, at("one", 5))
	stands(t, v, 1, at("one", 5))
}

// A partition that is started again further on has a gap that nobody was told
// of: resumes may not pass it, whatever is evicted.
func TestStartedAgain(t *testing.T) {
	l := testLog(1<<20, 1, 1)
	put(l, "A", 0, 0)
	l.Started(0, 0, 10)
	for _, evicted := range []int{0, 1} {
		l.options.Window = -1
		l.Evict(0, math.MaxUint64, evicted)
		v := l.Publish(0)
		judge(t, v, verdict{at("one", 0), Lost}, verdict{at("one", 8), Lost}, verdict{at("one", 9), Recovered}, verdict{at("one", 10), Ahead})
		stands(t, v, v.End, at("one", 9))
	}
}

// What the past was called and where it broke off is let go with the past.
func TestOldLegsAreLetGo(t *testing.T) {
	l := testLog(1<<20, 1, 2)
	for i := range int64(100) {
		put(l, "A", 0, 2*i)
		l.Lost(0, 0, 2*i+1, 2*i+1, 2*i+2, 0)
		l.Lost(0, 1, i, i, i+1, 0) // nothing else happens there
		if i%10 == 9 {
			l.Remade(0, "other", 0)
			l.Started(0, 0, 2*i+2)
			l.Started(0, 1, i+1)
		}
		l.options.Window = -1
		l.Evict(0, l.Next()-1, math.MaxInt)
		v := l.Publish(0)
		e := &v.events[0]
		if n := len(e.later) + len(e.partitions[0].later) + len(e.partitions[1].later) + len(e.gaps); n > 6 {
			t.Fatalf("%d things are remembered of [%d,%d)", n, v.First, v.End)
		}
	}
}

// Other servers may have found partitions that this one has not.
func TestPartitionsNotFoundYet(t *testing.T) {
	v := testLog(1<<20, 1, 2).Publish(0)
	few, many := at("one", -1, -1, 4), at("one", make([]int64, 2+extraPartitions)...)
	many.At[0], many.At[1] = -1, -1
	judge(t, v, verdict{few, Ahead}, verdict{many, Ahead})
	if _, ahead := v.Recoverable(0, few); !slices.Equal(ahead, []int32{2}) {
		t.Errorf("ahead %v", ahead)
	}
	many.At = append(many.At, 0)
	judge(t, v, verdict{many, Lost})
}

// A command has room for thousands of partitions: no look walks through them all.
func TestACursorOfThousandsOfPartitions(t *testing.T) {
	v := testLog(1<<20, 1, 2).Publish(0)
	many := at("one", make([]int64, 20_000)...)
	if got, _ := v.Recoverable(0, many); got != Lost {
		t.Errorf("is %d, want %d", got, Lost)
	}
	if n := testing.AllocsPerRun(10, func() { v.Recoverable(0, many) }); n > 0 {
		t.Errorf("%v allocations for what is lost anyway", n)
	}
	unseen := at("one", slices.Repeat([]int64{-1}, 20_000)...)
	if got, _ := v.Recoverable(0, unseen); got != Recovered {
		t.Errorf("is %d, want %d", got, Recovered)
	}
	unseen.At[1] = 4
	if got := Trimmed(unseen); got.Log != "one" || !slices.Equal(got.At, []int64{-1, 4}) {
		t.Errorf("trimmed to %s and %d partitions", got.Log, len(got.At))
	}
	if got := Trimmed(at("one", -1, -1)); len(got.At) != 0 {
		t.Errorf("trimmed to %+v", got)
	}
	if !v.Ahead(0, unseen) || v.Ahead(0, many) || v.Ahead(0, at("two", 1)) {
		t.Error("Ahead does not agree with Recoverable")
	}
	if n := testing.AllocsPerRun(10, func() { v.Ahead(0, unseen) }); n > 0 {
		t.Errorf("%v allocations of a look", n)
	}
}
