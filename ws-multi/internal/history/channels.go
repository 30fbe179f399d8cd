package history

import (
	"sync"
	"sync/atomic"
)

// Channel is one symbol of one event, while somebody holds it: the log while it
// keeps an entry of it, a shard while it has a subscriber. The exported fields do
// not change meanwhile; any goroutine may read them.
type Channel struct {
	ID     uint32 // small: the numbers of channels that nobody holds are used again
	Event  int    // index in Options.Events
	Symbol string
	Name   string // symbol.event

	// born is how far the log had evicted when this channel was made. Every entry
	// of it has a higher number; what an earlier channel of this name or of this
	// ID had, has lower ones.
	born uint64

	// lists are the numbers of the channel's entries, one list a partition, since a
	// cursor says for each partition where to enter. Kafka puts a key into one
	// partition, so a second list is rare.
	lists list

	kept  int32 // entries in the log: the writer's
	holds int32 // guarded by Channels.mu
}

// list finds or makes the list of a partition. Writer only.
func (c *Channel) list(partition int32) *list {
	l := &c.lists
	if l.array.Load() == nil {
		l.partition = partition
		return l
	}
	for l.partition != partition {
		next := l.more.Load()
		if next == nil {
			next = &list{partition: partition}
			l.more.Store(next)
		}
		l = next
	}
	return l
}

// Channels are the channels that somebody holds. All methods are for any
// goroutine. None is called for a message on its way but ByID, which takes no
// lock: the writer has its own way from a record to its channel.
type Channels struct {
	pages atomic.Pointer[[]*page]

	// evicted is the lowest number that the log still keeps. It is raised before
	// anything is removed from a list.
	evicted atomic.Uint64

	mu    sync.Mutex
	names map[string]*Channel
	free  []uint32 // numbers to be used again
	made  uint32   // numbers ever used
}

const (
	pageBits = 9
	pageLen  = 1 << pageBits
)

type page [pageLen]atomic.Pointer[Channel]

func newChannels() *Channels {
	c := &Channels{names: make(map[string]*Channel)}
	c.pages.Store(new([]*page))
	return c
}

// nameBuffer is long enough for every valid name: 64 bytes, a dot, 64 bytes.
type nameBuffer [129]byte

func (b *nameBuffer) name(symbol, event string) []byte {
	return append(append(append(b[:0], symbol...), '.'), event...)
}

// Hold returns the channel and counts one more holder, who calls Release once.
// eventIndex is the event's in Options.Events.
func (c *Channels) Hold(symbol, event string, eventIndex int) *Channel {
	var b nameBuffer
	return c.hold(b.name(symbol, event), len(symbol), eventIndex)
}

func (c *Channels) hold(name []byte, symbol, event int) *Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.names[string(name)]; ch != nil {
		ch.holds++
		return ch
	}
	ch := &Channel{ID: c.number(), Event: event, Name: string(name), born: c.evicted.Load(), holds: 1}
	ch.Symbol = ch.Name[:symbol]
	c.names[ch.Name] = ch
	c.slot(ch.ID).Store(ch)
	return ch
}

// Find returns the channel, or nil if nobody holds it. It counts no holder: the
// channel may be gone as soon as Find has returned, unless the caller knows who
// holds it.
func (c *Channels) Find(symbol, event string) *Channel {
	var b nameBuffer
	name := b.name(symbol, event)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[string(name)]
}

// Release takes back one Hold. With the last one the channel is forgotten, and
// another channel may get its number.
func (c *Channels) Release(ch *Channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.holds--; ch.holds > 0 {
		return
	}
	if ch.holds < 0 {
		panic("history: a channel was released once more than it was held")
	}
	delete(c.names, ch.Name)
	c.slot(ch.ID).Store(nil)
	c.free = append(c.free, ch.ID)
}

// Len counts the channels.
func (c *Channels) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.names)
}

// ByID returns the channel that has this number at present, or nil. For the
// Channel of an entry it is the entry's as long as the log keeps the entry: that
// is certain from the number on that Evict was last told to keep. Of an entry
// below, another channel may have the number by now.
func (c *Channels) ByID(id uint32) *Channel {
	pages := *c.pages.Load()
	if int(id>>pageBits) >= len(pages) {
		return nil
	}
	return pages[id>>pageBits][id&(pageLen-1)].Load()
}

// number takes a free number or makes one.
func (c *Channels) number() uint32 {
	if k := len(c.free); k > 0 {
		id := c.free[k-1]
		c.free = c.free[:k-1]
		return id
	}
	id := c.made
	c.made++
	if pages := *c.pages.Load(); int(id>>pageBits) == len(pages) {
		pages = append(pages[:len(pages):len(pages)], new(page)) // a reader has the old slice
		c.pages.Store(&pages)
	}
	return id
}

func (c *Channels) slot(id uint32) *atomic.Pointer[Channel] {
	return &(*c.pages.Load())[id>>pageBits][id&(pageLen-1)]
}
