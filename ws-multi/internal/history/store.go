package history

import (
	"encoding/base64"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

const (
	blockBits = 12
	blockLen  = 1 << blockBits // entries in a block

	// chunkLen makes few objects of many bodies: the collector's work goes by
	// objects (BenchmarkCollect).
	chunkLen = 1 << 20

	// entryBytes is what an entry costs beside its body: itself, and its number
	// in two lists, which are between a quarter and wholly full.
	entryBytes = 48 + 2*16
)

// Kind says what an entry is.
type Kind uint8

// The kinds of entries.
const (
	Message   Kind = iota
	Tombstone      // a message without a value: conflation never passes it over
	GapEntry       // records that the log itself has lost; it has no body
)

// Entry is what is known of a record beside its body. It has no pointer, so
// that a block of them is one object that the collector does not look into.
type Entry struct {
	Offset    int64 // Kafka's
	Timestamp int64 // the record's, Unix ms
	ReadAt    int64 // ms on the clock given to Append

	chunk, from, size uint32 // where the body is; size is 0 for a gap

	Channel   uint32 // Channel.ID; not for a gap
	Partition int32
	Event     uint16 // index in Options.Events
	Kind      Kind
}

type block [blockLen]Entry

// store finds entries and bodies. The log's own grows; the copy in a View has
// the lengths it was made with, and both share what lies below them.
type store struct {
	blocks     []*block
	firstBlock uint64   // blocks[0] begins with the number firstBlock<<blockBits
	chunks     [][]byte // in their full length, so that they are never written again
	firstChunk uint32   // the number of chunks[0]
}

func (s *store) entry(n uint64) *Entry {
	return &s.blocks[n>>blockBits-s.firstBlock][n&(blockLen-1)]
}

func (s *store) body(e *Entry) []byte {
	if e.size == 0 {
		return nil
	}
	return s.chunks[e.chunk-s.firstChunk][e.from : e.from+e.size : e.from+e.size]
}

// shelf is the writer's store.
type shelf struct {
	store
	filled int   // bytes used of the last chunk
	tails  []int // by chunk: bytes at its end that were left unused
}

// add makes room for entry n, the one after the last.
func (s *shelf) add(n uint64) *Entry {
	if n>>blockBits-s.firstBlock == uint64(len(s.blocks)) {
		s.blocks = append(s.blocks, new(block))
	}
	e := s.entry(n)
	e.chunk = s.lastChunk()
	return e
}

// lastChunk is the number of the chunk that is filled at present.
func (s *shelf) lastChunk() uint32 {
	return s.firstChunk + uint32(max(len(s.chunks), 1)) - 1
}

// encode renders a message into the last chunk and notes in e where it is. It
// returns how many bytes were left unused for it at the end of the chunk before.
func (s *shelf) encode(e *Entry, r *wire.Record) (tail int) {
	need := bodyBound(r)
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last])-s.filled < need {
		if last >= 0 {
			tail = len(s.chunks[last]) - s.filled
			s.tails[last] = tail
		}
		s.chunks = append(s.chunks, make([]byte, max(chunkLen, need)))
		s.tails = append(s.tails, 0)
		s.filled = 0
		last++
	}
	body := wire.AppendBody(s.chunks[last][s.filled:s.filled], *r)
	e.chunk, e.from, e.size = s.lastChunk(), uint32(s.filled), uint32(len(body))
	s.filled += len(body)
	return tail
}

// drop lets go of the blocks below entry first and of the chunks below chunk.
// The rest moves to new arrays: Views may hold the old ones, and the old ones
// would keep what is dropped here.
func (s *shelf) drop(first uint64, chunk uint32) {
	if k := first>>blockBits - s.firstBlock; k > 0 {
		s.blocks = append(make([]*block, 0, len(s.blocks)), s.blocks[k:]...)
		s.firstBlock += k
	}
	if k := chunk - s.firstChunk; k > 0 {
		s.chunks = append(make([][]byte, 0, len(s.chunks)), s.chunks[k:]...)
		s.tails = append(s.tails[:0], s.tails[k:]...)
		s.firstChunk = chunk
	}
}

// bodyFixed is what stands in every body, with the longest numbers and the
// longer of the two names that a value has.
const bodyFixed = len(`"type":"message","channel":".","pos":"/-2147483648:-9223372036854775808",` +
	`"ts":-9223372036854775808,"data_base64":""}`)

// bodyBound is a length that wire.AppendBody's result does not exceed, so that
// it is rendered in place: escapes make six bytes of one at most, and base64
// is longer than what it stands for.
func bodyBound(r *wire.Record) int {
	return bodyFixed + 6*len(r.Symbol) + 2*len(r.Event) + base64.StdEncoding.EncodedLen(len(r.Value))
}
