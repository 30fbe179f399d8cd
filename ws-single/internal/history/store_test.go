package history

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
)

const manyStores = 8

// What is dropped is the collector's, though the slice that it stood in was longer.
func TestDroppedBodiesAreCollected(t *testing.T) {
	var b bodies
	var chunks []weak.Pointer[byte]
	body := make([]byte, chunkSize)
	for range manyStores {
		b.add(body)
		chunks = append(chunks, weak.Make(&b.chunks[len(b.chunks)-1][0]))
	}
	for _, chunk := range []int{3, 4, manyStores - 1} {
		b.dropBefore(uint32(chunk))
		survive(t, chunks, manyStores-chunk)
	}
	runtime.KeepAlive(&b)
}

func TestDroppedEntriesAreCollected(t *testing.T) {
	var e entries
	var blocks []weak.Pointer[[blockLen]entry]
	for n := range uint64(manyStores * blockLen) {
		if e.add(n); n%blockLen == 0 {
			blocks = append(blocks, weak.Make(e.blocks[len(e.blocks)-1]))
		}
	}
	for _, block := range []int{3, 4, manyStores - 1} {
		e.dropBefore(uint64(block) * blockLen)
		survive(t, blocks, manyStores-block+1) // and the spare one
	}
	runtime.KeepAlive(&e)
}

// When nothing is left, the chunk that is being filled stays, and no other.
func TestEmptyLogKeepsOneChunk(t *testing.T) {
	l := New(channel.NewTable(), 1, Limits{Window: 10, Bytes: 1 << 30})
	var chunks []weak.Pointer[byte]
	for n := range manyStores {
		l.Append(&Record{Name: []byte("A.trade"), Offset: int64(n), Body: make([]byte, chunkSize)}, 0)
		chunks = append(chunks, weak.Make(&l.bodies.chunks[len(l.bodies.chunks)-1][0]))
	}
	if l.Evict(11, l.Next(), 1000); l.Len() != 0 {
		t.Fatalf("%d are left after the window", l.Len())
	}
	survive(t, chunks, 1)
	n, _ := l.Append(&Record{Name: []byte("A.trade"), Offset: manyStores, Body: []byte("after")}, 12)
	if got := string(l.Body(n)); got != "after" {
		t.Errorf("the record after that reads %q", got)
	}
	runtime.KeepAlive(l)
}

// survive holds how many are left after a collection.
func survive[T any](t *testing.T, all []weak.Pointer[T], want int) {
	t.Helper()
	left := func() (n int) {
		for _, p := range all {
			if p.Value() != nil {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(5 * time.Second); left() > want && time.Now().Before(end); {
		runtime.GC()
	}
	if n := left(); n != want {
		t.Errorf("%d are left, want %d", n, want)
	}
}
