package history

import (
	"slices"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
)

const (
	blockBits = 12
	blockLen  = 1 << blockBits // entries in a block

	// chunkSize bounds the objects the collector has to look at: 256 MiB as
	// one object a message cost 45 ms of CPU a collection, in chunks 1.3 ms.
	chunkSize = 1 << 20
)

type kind uint8

const (
	kindRecord kind = iota
	kindTombstone
	kindGap
)

// entry is one record's place. It holds no pointer: a pointer to an older
// entry would keep everything behind it alive.
type entry struct {
	offset    int64 // Kafka's
	timestamp int64 // the record's, Unix ms
	readAt    int64 // the caller's clock, ms
	chunk     uint32
	from, to  uint32 // the body within the chunk
	channel   channel.ID
	partition int32
	event     uint16
	kind      kind
}

// entryBytes is what an entry costs beside its body: itself and its place in
// the lists of its channel and its partition.
const entryBytes = 56 + 2*8

// entries holds [first, next) in blocks of a fixed length, so that a number is
// found without a search.
type entries struct {
	blocks []*[blockLen]entry
	base   uint64 // number of blocks[0][0]
	spare  *[blockLen]entry
}

func (e *entries) at(n uint64) *entry {
	i := n - e.base
	return &e.blocks[i>>blockBits][i&(blockLen-1)]
}

func (e *entries) add(n uint64) *entry {
	if i := n - e.base; i>>blockBits == uint64(len(e.blocks)) {
		b := e.spare
		if b == nil {
			b = new([blockLen]entry)
		}
		e.spare = nil
		e.blocks = append(e.blocks, b)
	}
	return e.at(n)
}

// dropBefore lets go of the blocks that hold only numbers below n. One is kept
// for the next append: in a steady state no block is allocated.
func (e *entries) dropBefore(n uint64) {
	k := 0
	for k < len(e.blocks) && e.base+uint64(k+1)<<blockBits <= n {
		e.spare = e.blocks[k]
		k++
	}
	if k > 0 {
		e.blocks = slices.Delete(e.blocks, 0, k)
		e.base += uint64(k) << blockBits
	}
}

// bodies holds the encoded messages, appended to chunks. A body never spans
// two chunks; one larger than a chunk gets a chunk of its own.
type bodies struct {
	chunks [][]byte
	base   uint32 // number of chunks[0]
}

func (b *bodies) add(body []byte) (chunk, from, to uint32) {
	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last])+len(body) > cap(b.chunks[last]) {
		b.chunks = append(b.chunks, make([]byte, 0, max(chunkSize, len(body))))
		last++
	}
	c := b.chunks[last]
	from = uint32(len(c))
	b.chunks[last] = append(c, body...)
	return b.base + uint32(last), from, uint32(len(b.chunks[last]))
}

// last is the chunk that is being filled; base when there is none.
func (b *bodies) last() uint32 { return b.base + uint32(max(len(b.chunks), 1)) - 1 }

func (b *bodies) get(chunk, from, to uint32) []byte {
	return b.chunks[chunk-b.base][from:to:to]
}

// dropBefore leaves the chunks before this one to the collector: a socket may
// not hold them (sends copy), so nothing else refers to them.
func (b *bodies) dropBefore(chunk uint32) {
	if k := int(chunk - b.base); k > 0 && k <= len(b.chunks) {
		b.chunks = slices.Delete(b.chunks, 0, k)
		b.base = chunk
	}
}
