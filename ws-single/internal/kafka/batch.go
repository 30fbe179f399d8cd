package kafka

import "time"

// Kind says what an Item is.
type Kind uint8

// The kinds of items. For one partition the order is Started, then records,
// gaps and progress by ascending offset; Opened comes before every Started of
// its event, NewLog before every Started of the new log.
const (
	Opened   Kind = iota + 1 // Event's topic exists; Log is its log's name
	Started                  // Partition is read from Offset on
	Record                   // a message
	Gap                      // offsets From to To are lost; reading goes on at Offset
	NewLog                   // the topic was made anew as Log; its partitions follow as Started
	Progress                 // Offset, and all before, passed without a message
	Loaded                   // every partition known at the start was read to the end it had then
	Surveyed                 // all topics and partitions that were there at Timestamp have been told
)

// started is where Since begins.
var started = time.Now()

// Since is a time in ms of a clock that never steps, for Surveyed.
func Since(t time.Time) int64 { return t.Sub(started).Milliseconds() }

// Item is one thing that happened to a log. Which fields count depends on Kind.
type Item struct {
	Kind      Kind
	Event     int // index in Config.Topics
	Partition int32
	Offset    int64 // Record: its own. Started, Gap: the next that will be read. Progress: the last passed over
	From, To  int64 // Gap: the lost offsets, both inclusive
	Log       string
	Timestamp int64 // Record: Unix milliseconds. Surveyed: of Since
	Tombstone bool
	Symbol    []byte // Record; valid until Release
	Body      []byte // Record: wire.AppendBody's bytes; valid until Release
}

// Batch is what was ready at one moment, in the order read. It belongs to its
// receiver until Release.
type Batch struct {
	Items []Item

	arena []byte // Body of every item
}

// A batch is full at whichever comes first. What is ready goes at once; these
// only bound how long the loop is busy with one batch.
const (
	maxItems = 1024
	maxArena = 256 << 10

	// keepArena: an arena that one huge record has grown is not kept for reuse.
	keepArena = 1 << 20

	// queuedBatches is how far reading may run ahead of the loop; beyond,
	// librdkafka's own bounded queue fills, and then fetching stops.
	queuedBatches = 2
)

func (b *Batch) add(it Item) { b.Items = append(b.Items, it) }

func (b *Batch) full() bool { return len(b.Items) >= maxItems || len(b.arena) >= maxArena }

func (b *Batch) reset() {
	clear(b.Items) // lets go of the symbols' memory
	b.Items = b.Items[:0]
	b.arena = b.arena[:0]
	if cap(b.arena) > keepArena {
		b.arena = nil
	}
}

// newBatch takes a released batch or makes one.
func (c *Consumer) newBatch() *Batch {
	select {
	case b := <-c.free:
		return b
	default:
		return &Batch{Items: make([]Item, 0, maxItems), arena: make([]byte, 0, maxArena)}
	}
}

// Release hands a batch back for reuse; its symbols and bodies are void from
// here on. Any goroutine may call it, once per batch.
func (c *Consumer) Release(b *Batch) {
	b.reset()
	select {
	case c.free <- b:
	default:
	}
}
