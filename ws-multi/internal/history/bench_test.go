package history

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

var benchValue = []byte(`{"price":"43250.12","amount":"0.00412","side":"buy","id":918273645,"maker":"0x9f3c1b77aa20"}`)

func benchLog(events, entries, channels int, bytes int64) *Log {
	l := testLog(bytes, events, 4)
	names := symbolsOf(channels)
	for i := range entries {
		c := i % channels
		l.Append(&Record{Event: c % events, Partition: int32(c % 4), Offset: int64(i), Symbol: names[c], Value: benchValue}, int64(i))
		if i%64 == 0 {
			l.Evict(int64(i), math.MaxUint64, 128)
			l.Publish(int64(i))
		}
	}
	l.Publish(int64(entries))
	return l
}

func symbolsOf(n int) [][]byte {
	names := make([][]byte, n)
	for i := range names {
		names[i] = fmt.Appendf(nil, "SYM%d", i)
	}
	return names
}

// Appending a record of about 90 bytes in a full log, with its share of eviction.
func BenchmarkAppend(b *testing.B) {
	for _, channels := range []int{10, 10_000} {
		b.Run(fmt.Sprint("channels=", channels), func(b *testing.B) {
			l := benchLog(8, 250_000, channels, 32<<20)
			names := symbolsOf(channels)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c := i % channels
				l.Append(&Record{Event: c % 8, Partition: int32(c % 4), Offset: int64(i), Symbol: names[c], Value: benchValue}, 0)
				if i%64 == 0 {
					l.Evict(0, math.MaxUint64, 128)
				}
			}
		})
	}
}

// Publishing a batch that touched all of 8 events with 4 partitions each; the
// appends are in it.
func BenchmarkPublish(b *testing.B) {
	for _, batch := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			l := benchLog(8, 100_000, 100, 16<<20)
			names := symbolsOf(100)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				for k := range batch {
					l.Append(&Record{Event: k % 8, Offset: int64(i), Symbol: names[k], Value: benchValue}, 0)
				}
				l.Evict(0, math.MaxUint64, 128)
				b.StartTimer()
				l.Publish(0)
			}
		})
	}
}

// A resume of one of 10 channels, judged and entered; read=1 is up to the first
// message.
func BenchmarkResume(b *testing.B) {
	for _, entries := range []int{1_000, 1_000_000} {
		l := benchLog(1, entries, 10, 1<<30)
		v := l.View()
		ch := v.Channels.Find("SYM4", "e0")
		pos := v.Position(0, v.NewestFrom(ch, 100, v.End))
		for _, read := range []int{1, 100} {
			b.Run(fmt.Sprintf("entries=%d/read=%d", entries, read), func(b *testing.B) {
				var r Reader
				b.ReportAllocs()
				for range b.N {
					if verdict, _ := v.Recoverable(0, pos); verdict != Recovered {
						b.Fatal(verdict)
					}
					r.Reset(v.End)
					r.Channel(v, ch, 0, v.Starts(0, pos))
					for range read {
						if _, ok := r.Peek(); !ok {
							b.Fatal("nothing more")
						}
						r.Advance()
					}
				}
			})
		}
	}
}

func BenchmarkPosition(b *testing.B) {
	l := benchLog(1, 1_000_000, 100, 1<<30)
	v := l.View()
	b.ReportAllocs()
	var pos wire.Position
	b.ResetTimer()
	for i := range b.N {
		pos = v.Position(0, v.First+uint64(i)*7919%(v.End-v.First))
	}
	runtime.KeepAlive(pos)
}

// What one collection costs while 256 MiB are kept, in CPU and by the clock.
func BenchmarkCollect(b *testing.B) {
	for _, channels := range []int{100, 100_000} {
		b.Run(fmt.Sprint("channels=", channels), func(b *testing.B) {
			l := benchLog(8, 1_200_000, channels, 256<<20)
			runtime.GC()
			before := cpuTime(b)
			b.ResetTimer()
			for range b.N {
				runtime.GC()
			}
			b.StopTimer()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
			b.ReportMetric(float64(l.Bytes()>>20), "MiB")
			runtime.KeepAlive(l)
		})
	}
}

// cpuTime is what the process has used, ns.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// What a channel with one message costs beside the message.
func BenchmarkQuietChannel(b *testing.B) {
	const channels = 100_000
	names := symbolsOf(channels)
	var before, after runtime.MemStats
	for range b.N {
		l := testLog(1<<30, 1, 1)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i, name := range names {
			l.Append(&Record{Offset: int64(i), Symbol: name, Value: benchValue}, 0)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc-before.HeapAlloc)-l.Bytes())/channels, "B/channel")
		runtime.KeepAlive(l)
	}
}
