package history

import (
	"fmt"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
)

// BenchmarkResume shows that a resume costs what it brings and not what is kept:
// 100 missed messages of one channel, with ever more messages in the history.
func BenchmarkResume(b *testing.B) {
	for _, kept := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("kept=%d", kept), func(b *testing.B) {
			const channels, partitions = 100, 12
			table := channel.NewTable()
			l := New(table, 1, Limits{Window: 1 << 40, Bytes: 1 << 40})
			l.Opened(0, "log")
			offsets := make([]int64, partitions)
			for p := range offsets {
				l.Started(0, int32(p), 0)
			}
			body := make([]byte, 200)
			name := func(i int) []byte { return fmt.Appendf(nil, "S%d.trade", i%channels) }
			add := func(i int) {
				p := i % channels % partitions
				l.Append(&Record{Name: name(i), Partition: int32(p), Offset: offsets[p], Body: body}, 0)
				offsets[p]++
			}
			for i := range kept {
				add(i)
			}
			id, ok := table.Find(name(0))
			pos := l.Position(0, l.Next())
			for range 100 { // what the client misses
				add(0)
			}
			if !ok || len(pos.At) != partitions {
				b.Fatal("no such channel")
			}
			b.ReportAllocs()
			for b.Loop() {
				if v, _ := l.Recoverable(0, pos); v != Recovered {
					b.Fatal("not recoverable")
				}
				r := l.Open(l.Next())
				r.Channel(id, 0, l.Starts(0, pos))
				n := 0
				for _, ok := r.Peek(); ok; _, ok = r.Peek() {
					r.Advance()
					n++
				}
				r.Close()
				if n != 100 {
					b.Fatalf("%d messages", n)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	l := New(channel.NewTable(), 1, Limits{Window: 1 << 40, Bytes: 16 << 20})
	l.Opened(0, "log")
	l.Started(0, 0, 0)
	names := make([][]byte, 1000)
	for i := range names {
		names[i] = fmt.Appendf(nil, "S%d.trade", i)
	}
	body := make([]byte, 200)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Append(&Record{Name: names[i%1000], Offset: int64(i), Body: body}, 0)
		l.Evict(0, 1<<60, 16)
	}
}
