package history

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestEntryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Entry{}); size != 48 {
		t.Errorf("an entry has %d bytes", size)
	}
}

// The bound holds for what wire makes longest, and is no wild guess.
func TestBodyBound(t *testing.T) {
	long := strings.Repeat("e", 64)
	for name, r := range map[string]wire.Record{
		"nothing":     {},
		"tombstone":   {Symbol: []byte("A"), Event: "e"},
		"empty":       {Symbol: []byte("A"), Event: "e", Value: []byte{}},
		"longest":     {Event: long, Partition: math.MinInt32, Offset: math.MinInt64, Timestamp: math.MinInt64, Value: []byte{0xff}},
		"escapes":     {Symbol: bytes.Repeat([]byte{1}, 64), Value: []byte("1")},
		"not UTF-8":   {Symbol: bytes.Repeat([]byte{0xff}, 64), Value: []byte{0xff, 0xff}},
		"json":        {Symbol: []byte("A"), Event: "e", Value: []byte(`{"a":1}`)},
		"base64":      {Symbol: []byte("A"), Event: "e", Value: bytes.Repeat([]byte{0xff}, 1000)},
		"base64 + 1":  {Symbol: []byte("A"), Event: "e", Value: bytes.Repeat([]byte{0xff}, 1001)},
		"both longer": {Symbol: bytes.Repeat([]byte{1}, 64), Event: long, Offset: math.MinInt64, Value: bytes.Repeat([]byte{0xff}, 64)},
	} {
		got, bound := len(wire.AppendBody(nil, r)), bodyBound(&r)
		if got > bound {
			t.Errorf("%s: %d bytes, the bound is %d", name, got, bound)
		}
		if name == "both longer" && bound-got > 40 {
			t.Errorf("%s: %d bytes, the bound is %d", name, got, bound)
		}
	}
}

func FuzzBodyBound(f *testing.F) {
	f.Add([]byte("A"), "e", int32(1), int64(2), int64(3), []byte("{}"))
	f.Fuzz(func(t *testing.T, symbol []byte, event string, partition int32, offset, timestamp int64, value []byte) {
		r := wire.Record{Symbol: symbol, Event: event, Partition: partition, Offset: offset, Timestamp: timestamp, Value: value}
		if got, bound := len(wire.AppendBody(nil, r)), bodyBound(&r); got > bound {
			t.Errorf("%d bytes, the bound is %d", got, bound)
		}
	})
}

// Bodies of all sizes come to stand in chunks as they are, the views' too that
// were made before; none is rendered elsewhere.
func TestChunks(t *testing.T) {
	l := testLog(8<<20, 1, 1)
	random := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, chunkLen, 1, 3 * chunkLen, 2, 2}
	for range 120 {
		sizes = append(sizes, random.IntN(100), random.IntN(chunkLen/8))
	}
	sizes = append(sizes, 6*chunkLen, 10)
	value := func(i int) []byte {
		v := bytes.Repeat([]byte{byte('0' + i%10)}, sizes[i])
		if i%3 > 0 && len(v) > 1 {
			v[0], v[len(v)-1] = '"', '"' // JSON; else a number or not
		}
		return v
	}
	check := func(v *View) {
		for n := v.First; n < v.End; n++ {
			want := wire.AppendBody(nil, wire.Record{Symbol: []byte("A"), Event: "e0", Offset: int64(n), Value: value(int(n))})
			if got := v.Body(n); !bytes.Equal(got, want) || cap(got) != len(got) {
				t.Fatalf("body %d has %d bytes, want %d", n, len(got), len(want))
			}
			e := v.Entry(n)
			if chunk := v.store.chunks[e.chunk-v.store.firstChunk]; &chunk[e.from] != &v.Body(n)[0] {
				t.Fatalf("body %d is not in its chunk", n)
			}
		}
	}
	old := l.Publish(0)
	for i := range sizes {
		l.Append(&Record{Symbol: []byte("A"), Offset: int64(i), Value: value(i)}, 0)
		for l.Evict(0, math.MaxUint64, 2) {
		}
		if l.Full() {
			t.Fatalf("%d bytes", l.Bytes())
		}
		v := l.Publish(0)
		held := int64(0)
		for _, c := range v.store.chunks {
			held += int64(cap(c))
		}
		// The oldest chunk may be half evicted, the newest half filled.
		if slack := int64(len(v.store.chunks[0]) + len(v.store.chunks[len(v.store.chunks)-1])); held > l.Bytes()+slack {
			t.Fatalf("%d bytes of chunks for %d bytes", held, l.Bytes())
		}
		if i%30 == 0 {
			check(old)
			old = v
		}
	}
	check(old)
	check(l.View())
	l.options.Window = -1
	l.Evict(0, math.MaxUint64, math.MaxInt)
	if l.Bytes() != 0 {
		t.Errorf("%d bytes of nothing", l.Bytes())
	}
	put(l, "A", 0, 0)
	if v := l.Publish(0); len(v.store.chunks) != 1 || len(v.store.blocks) != 1 {
		t.Errorf("%d chunks and %d blocks of one message", len(v.store.chunks), len(v.store.blocks))
	}
}

// Entries in many blocks, of which the old ones go.
func TestBlocks(t *testing.T) {
	const entries = 5*blockLen + 7
	l := testLog(entryBytes*3*blockLen, 1, 1)
	var views []*View
	for i := range int64(entries) {
		put(l, string(rune('A'+i%7)), 0, i)
		if i%1000 == 0 {
			l.Evict(0, math.MaxUint64, 1<<30)
			views = append(views, l.Publish(i))
		}
	}
	for _, v := range views {
		for n := v.First; n < v.End; n++ {
			if v.Entry(n).Offset != int64(n) {
				t.Fatalf("entry %d of [%d,%d) has offset %d", n, v.First, v.End, v.Entry(n).Offset)
			}
		}
		ch := v.Channels.Hold("B", "e0", 0)
		got := readChannel(v, ch, 0, v.End, nil)
		for i, n := range got {
			if n%7 != 1 || i > 0 && n != got[i-1]+7 {
				t.Fatalf("B has %d after %v", n, got[:i])
			}
		}
		if want := (v.End - v.First) / 7; uint64(len(got)) < want {
			t.Fatalf("B has %d entries in [%d,%d)", len(got), v.First, v.End)
		}
		v.Channels.Release(ch)
	}
	if n := len(l.View().store.blocks); n > 3 {
		t.Errorf("%d blocks are held", n)
	}
}

// Appending allocates blocks, chunks and lists, nothing for an entry; a publish
// some objects for a batch.
func TestAllocations(t *testing.T) {
	l := testLog(4<<20, 8, 3)
	names := [][]byte{[]byte("AAA"), []byte("BBB"), []byte("CCC")}
	value := []byte(`{"price":"1234.5","amount":"0.001","side":"buy"}`)
	var i int64
	one := func() {
		l.Append(&Record{Event: int(i % 8), Partition: int32(i % 3), Offset: i, Symbol: names[i%3], Value: value}, 0)
		l.Evict(0, math.MaxUint64, 100)
		i++
	}
	for range 100_000 {
		one()
	}
	many := func() {
		for range 50_000 {
			one()
		}
	}
	if n := testing.AllocsPerRun(1, many) / 50_000; n > 0.01 {
		t.Errorf("%.4f allocations a record", n)
	}
	batch := func() {
		for range 8 {
			one()
		}
		l.Publish(0)
	}
	if n := testing.AllocsPerRun(1000, batch); n > 12 {
		t.Errorf("%.1f allocations a batch of 8 events", n)
	}
}

// With eviction going on the heap stays at about Bytes, with channels that come
// and go too.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 8 << 20
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	value := bytes.Repeat([]byte("9"), 200)
	for name, channels := range map[string]int64{"few channels": 50, "many channels": 5_000} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			l := testLog(limit, 1, 4)
			var symbol []byte
			for i := range int64(100_000) { // about 4 times what is kept
				symbol = append(symbol[:0], "S000000"...)
				for k, rest := len(symbol)-1, i%channels+i/25_000*channels; rest > 0; k, rest = k-1, rest/10 {
					symbol[k] = byte('0' + rest%10)
				}
				l.Append(&Record{Partition: int32(i % channels % 4), Offset: i, Symbol: symbol, Value: value}, i)
				if i%64 == 0 {
					l.Evict(i, l.Next(), 128)
					l.Publish(i)
				}
				if i%10_000 == 0 && i >= 40_000 {
					// Two chunks and two blocks are partly used, and a channel costs too.
					most := limit + limit/8 + 2*(chunkLen+blockLen*48) + 500*int64(l.Channels().Len())
					if got := heap() - before; got > most || got < limit/2 {
						t.Errorf("%d KiB of heap for %d KiB, %d channels", got>>10, l.Bytes()>>10, l.Channels().Len())
					}
				}
			}
			if l.Len() < 15_000 {
				t.Errorf("only %d entries are kept", l.Len())
			}
			held := l.View()
			l.options.Window = -1
			for l.Evict(never, math.MaxUint64, 1000) {
			}
			l.Publish(0)
			if n := l.Channels().Len(); n != 0 {
				t.Errorf("%d channels are left", n)
			}
			for n := held.First; n < held.End; n += 1000 {
				if len(held.Body(n)) < 200 {
					t.Errorf("body %d is %q", n, held.Body(n))
				}
			}
			// One chunk, and Go's maps do not shrink.
			if got := heap() - before; got > 3<<20 {
				t.Errorf("%d KiB of heap for an empty log", got>>10)
			}
			runtime.KeepAlive(l)
		})
	}
}
