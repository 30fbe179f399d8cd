package history

import (
	"bytes"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// View is the history as it was published once. It never changes; any goroutine
// may read it, for as long as it likes, but it keeps the memory of what it shows.
type View struct {
	First uint64 // the oldest entry
	End   uint64 // one past the newest
	At    int64  // when it was published, ms on the writer's clock

	// Channels are those in use now; they go on changing.
	Channels *Channels

	store  store
	events []eventView
}

// eventView is the state of one event.
type eventView struct {
	oldest     string // its log's name at First
	later      []naming
	partitions []partitionView
	gapNumbers []uint64
	gaps       []Gap // by the index of their number
}

// Entry returns entry n, First <= n < End. It is shared: do not write to it.
func (v *View) Entry(n uint64) *Entry { return v.store.entry(n) }

// Body is the encoded message of entry n without its seq field, nil for a gap.
// The bytes are shared: copy them, do not write to them, and do not keep them,
// for they keep their chunk.
func (v *View) Body(n uint64) []byte { return v.store.body(v.store.entry(n)) }

// Age is how long ago (ms) the oldest entry was read, on the clock given to
// Append; 0 without entries.
func (v *View) Age(now int64) int64 {
	if v.First == v.End {
		return 0
	}
	return now - v.Entry(v.First).ReadAt
}

// Superseded reports whether the channel of entry n has a newer entry, so that
// this one may be passed over when its event is conflated. Only a Message can be:
// a tombstone says that the symbol is gone.
func (v *View) Superseded(n uint64) bool {
	e := v.Entry(n)
	if e.Kind != Message {
		return false
	}
	// If another channel has the number by now, it got it after this View was
	// made, and has no entry below End.
	if ch := v.Channels.ByID(e.Channel); ch != nil {
		for l := &ch.lists; l != nil; l = l.more.Load() {
			nums := l.numbers()
			if i := seek(nums, n+1); i < len(nums) && nums[i] < v.End {
				return true
			}
		}
	}
	// In one View a number is one channel's: the log held it from the oldest
	// entry on.
	for m, evicted := n+1, v.evicted(v.End); m < evicted; m++ {
		if o := v.Entry(m); o.Channel == e.Channel && o.Kind != GapEntry {
			return true
		}
	}
	return false
}

// NewestFrom is the number of the k-th newest entry of a channel below bound, or
// of the oldest if there are fewer, or bound if there is none.
func (v *View) NewestFrom(ch *Channel, k int, bound uint64) uint64 {
	found := bound
	var small [4][]uint64
	parts := small[:0]
	for l := &ch.lists; l != nil; l = l.more.Load() {
		nums := l.numbers()
		parts = append(parts, nums[:seek(nums, min(bound, v.End))])
	}
	evicted := max(v.evicted(bound), v.First) // below, the lists may lack some
	for ; k > 0; k-- {
		newest := -1
		for i, nums := range parts {
			if len(nums) > 0 && nums[len(nums)-1] >= evicted && (newest < 0 || last(nums) > last(parts[newest])) {
				newest = i
			}
		}
		if newest < 0 {
			break
		}
		found = last(parts[newest])
		parts[newest] = parts[newest][:len(parts[newest])-1]
	}
	if k == 0 || evicted == v.First {
		return found
	}
	is := v.matcher(ch)
	for n := evicted; n > v.First && k > 0; n-- {
		if is(n - 1) {
			found = n - 1
			k--
		}
	}
	return found
}

func last(nums []uint64) uint64 { return nums[len(nums)-1] }

// evicted is how far the log has evicted by now, but at most bound or End. It
// must be called after the lists were read: they are complete from here on.
func (v *View) evicted(bound uint64) uint64 {
	return min(v.Channels.evicted.Load(), bound, v.End)
}

// missed lists the entries of a channel that its lists may have lost already:
// those in [from, evicted), and in a partition only from its start.
func (v *View) missed(ch *Channel, from, evicted uint64, starts []uint64) []uint64 {
	var nums []uint64
	is := v.matcher(ch)
	for n := from; n < evicted; n++ {
		if is(n) && n >= start(from, starts, v.Entry(n).Partition) {
			nums = append(nums, n)
		}
	}
	return nums
}

// matcher tells the entries of this View that are of a channel. For those from
// before the channel was made, which an earlier channel of its name had under
// another number, only the message itself has the name.
func (v *View) matcher(ch *Channel) func(n uint64) bool {
	var head []byte
	return func(n uint64) bool {
		e := v.Entry(n)
		if e.Kind == GapEntry || int(e.Event) != ch.Event {
			return false
		}
		if n >= ch.born {
			return e.Channel == ch.ID
		}
		if head == nil {
			head = ch.head()
		}
		return bytes.HasPrefix(v.Body(n), head)
	}
}

// head is how every message of the channel begins: up to its name's closing quote.
func (c *Channel) head() []byte {
	body := wire.AppendBody(nil, wire.Record{Symbol: []byte(c.Symbol), Event: c.Name[len(c.Symbol)+1:]})
	const next = `","pos":`
	return body[:bytes.Index(body, []byte(next))+len(next)]
}
