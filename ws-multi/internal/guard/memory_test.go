package guard

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestJudgeMemory(t *testing.T) {
	for _, test := range []struct {
		refusing    bool
		used, limit int64
		refuse      bool
		shed        int64
	}{
		{false, 0, 1000, false, 0},
		{false, 899, 1000, false, 0},
		{false, 900, 1000, true, 0},
		{true, 850, 1000, true, 0},
		{true, 849, 1000, false, 0},
		{true, 949, 1000, true, 0},
		{true, 950, 1000, true, 50},
		{false, 950, 1000, true, 50},
		{true, 2500, 1000, true, 1600},
		{true, math.MaxInt64, 0, false, 0},
		{false, math.MaxInt64, math.MaxInt64, true, math.MaxInt64 - share(math.MaxInt64, 90)},
	} {
		refuse, shed := judgeMemory(test.refusing, test.used, test.limit)
		if refuse != test.refuse || shed != test.shed {
			t.Errorf("judgeMemory(%v, %d, %d) = %v, %d; want %v, %d",
				test.refusing, test.used, test.limit, refuse, shed, test.refuse, test.shed)
		}
	}
}

func TestGoMemoryLimit(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, test := range []struct{ limit, queues, want int64 }{
		{0, 64 * mib, 0},
		{4 * gib, 64 * mib, 3_650_722_201 - 512*mib - 32*mib - 64*mib}, // the first is 85%
		{128 * mib, 64 * mib, 64 * mib},
		{128 * mib, math.MaxInt64 / 2, 64 * mib},
	} {
		if got := GoMemoryLimit(test.limit, test.queues); got != test.want {
			t.Errorf("GoMemoryLimit(%d, %d) = %d, want %d", test.limit, test.queues, got, test.want)
		}
	}
	// Go full of garbage, librdkafka's queues full, and the sockets at their part:
	// nobody is refused.
	for _, limit := range []int64{512 * mib, gib, 2 * gib, 64 * gib} {
		const queues = 64 * mib
		used := GoMemoryLimit(limit, queues) + nativeBase + queues + limit/8
		if refuse, _ := judgeMemory(true, used, limit); refuse && GoMemoryLimit(limit, queues) > limit/2 {
			t.Errorf("of %d MiB %d are used and somebody is refused", limit/mib, used/mib)
		}
	}
}

func TestSetGoMemoryLimit(t *testing.T) {
	const gib = 1 << 30
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	for i, step := range []struct{ limit, want int64 }{
		{0, 0},
		{100 * gib, GoMemoryLimit(100*gib, 0)},
		{50 * gib, GoMemoryLimit(50*gib, 0)},
		{100 * gib, GoMemoryLimit(50*gib, 0)}, // what is set already and less stays
		{0, GoMemoryLimit(50*gib, 0)},
	} {
		if got := SetGoMemoryLimit(step.limit, 0); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
		if holds := debug.SetMemoryLimit(-1); step.want > 0 && holds != step.want {
			t.Errorf("step %d: the runtime has %d, want %d", i, holds, step.want)
		}
	}
}
