package loop

import (
	"strings"
	"sync/atomic"
	"testing"
)

// Memory is given back by those furthest behind, as many as hold that much: the rest of a frame that a socket did not take
// counts, and so does what those who were closed a moment ago are giving back.
func TestShedClosesNoMoreThanNeedBe(t *testing.T) {
	var over atomic.Int64
	o := testOptions()
	o.StallTimeout, o.MaxBehind = 0, 0
	o.Shed = func() int64 { return over.Load() }
	b := start(t, o)
	live := b.dial(0, "")
	live.subscribe("B.trade")
	var behind []*client
	for range 4 {
		c := b.dial(4096, "")
		c.subscribe("A.trade")
		behind = append(behind, c)
	}
	b.log.publish("A", 0, `"`+strings.Repeat("x", 6<<20)+`"`)
	full := func() (n int, rest int64) {
		b.ask(func() bool {
			for _, c := range b.loop.conns {
				if c != nil && c.full && c.closing == open {
					n++
					rest = max(rest, int64(len(c.rest)))
				}
			}
			return true
		})
		return n, rest
	}
	b.until("all to be full", func() bool { n, _ := full(); return n == len(behind) })
	_, rest := full()
	if rest < 1<<20 {
		t.Fatalf("a socket took so much of 6 MiB that %d bytes are left", rest)
	}
	over.Store(300 << 10)
	b.until("one to be closed", func() bool { n, _ := full(); return n < len(behind) })
	closedFor := func(bytes int64) int { // the same goroutine as the loop's own look each second
		b.ask(func() bool { b.loop.shed(bytes); return true })
		n, _ := full()
		return len(behind) - n
	}
	if n := closedFor(300 << 10); n != 1 {
		t.Errorf("%d are closed for 300 KiB that one of them holds ten times over", n)
	}
	if n := closedFor(rest + 300<<10); n != 2 {
		t.Errorf("%d are closed for more than one holds, want 2", n)
	}
	over.Store(0)
	b.until("the memory of those who were closed", func() bool {
		return b.ask(func() bool {
			left := 0
			for _, c := range b.loop.conns {
				if c != nil {
					left++
				}
			}
			return left == 3
		})
	})
	b.log.publish("B", 0, `1`)
	live.expectData(`1`)
}
