package history

import (
	"sort"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Recovery is the verdict on a cursor entry.
type Recovery uint8

// The verdicts.
const (
	Recovered Recovery = iota // all that follows it is kept here
	Ahead                     // reading here has not come so far
	Lost                      // something that follows it is not kept, or the log is another one
)

// extraPartitions is by how many partitions a cursor may exceed those found
// here. Another server may find new ones first, but not hundreds, and whoever is
// Ahead is judged again and again.
const extraPartitions = 64

// Recoverable judges a cursor entry by protocol.md, section 5. With Ahead come
// the partitions that have to be read further; none if the topic is not found.
// What it costs is bounded by the partitions found here, but for what at ends
// with: Trimmed takes that off, for one who asks again and again.
func (v *View) Recoverable(event int, pos wire.Position) (Recovery, []int32) {
	var short []int32
	verdict := v.recoverable(event, pos, func(p int32) { short = append(short, p) })
	if verdict != Ahead {
		return verdict, nil
	}
	return Ahead, short
}

// Ahead reports whether that is what Recoverable says. It allocates nothing.
func (v *View) Ahead(event int, pos wire.Position) bool {
	return v.recoverable(event, pos, func(int32) {}) == Ahead
}

func (v *View) recoverable(event int, pos wire.Position, short func(partition int32)) Recovery {
	e := &v.events[event]
	switch log := e.logAt(v.End); {
	case pos.Log == log:
	case pos.Log == "":
	case log == "":
		return Ahead
	default:
		return Lost
	}
	pos = Trimmed(fromBeginning(pos))
	// A client may name as many partitions as a command has room for.
	if len(pos.At) > len(e.partitions)+extraPartitions {
		return Lost
	}
	all := Recovered
	for p := range int32(max(len(e.partitions), len(pos.At))) {
		switch e.judge(p, pos.Last(p)) {
		case Lost:
			return Lost
		case Ahead:
			all = Ahead
			short(p)
		}
	}
	return all
}

// Trimmed is the same position without the partitions at the end of which
// nothing was seen. It shares what is left with pos.
func Trimmed(pos wire.Position) wire.Position {
	n := len(pos.At)
	for n > 0 && pos.At[n-1] < 0 {
		n--
	}
	pos.At = pos.At[:n]
	return pos
}

// judge looks at one partition, of which the last offset dealt with is given.
func (e *eventView) judge(partition int32, dealt int64) Recovery {
	var p partitionView
	if int(partition) < len(e.partitions) {
		p = e.partitions[partition]
	}
	now := p.present()
	switch {
	case now.read && dealt+1 < now.base:
		return Lost
	case now.read && dealt < p.next:
		return Recovered
	case !now.read && dealt < 0: // nothing of it was seen elsewhere either
		return Recovered
	}
	return Ahead
}

// fromBeginning gives an entry of the time before the topic existed its meaning:
// all of the log.
func fromBeginning(pos wire.Position) wire.Position {
	if pos.Log == "" {
		return wire.Position{}
	}
	return pos
}

// Starts is where a resume from a recoverable cursor entry enters, by partition:
// at the number of the first entry behind the cursor, or at End.
func (v *View) Starts(event int, pos wire.Position) []uint64 {
	pos = fromBeginning(pos)
	all := v.events[event].partitions
	starts := make([]uint64, len(all))
	for i := range all {
		dealt := pos.Last(int32(i))
		nums := all[i].numbers
		nums = nums[seek(nums, all[i].present().from):]
		starts[i] = v.End
		if k := sort.Search(len(nums), func(k int) bool { return v.Entry(nums[k]).Offset > dealt }); k < len(nums) {
			starts[i] = nums[k]
		}
	}
	return starts
}
