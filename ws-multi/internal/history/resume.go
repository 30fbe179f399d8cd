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
// here. Another server may find new ones first, but not hundreds, and whatever is
// Ahead costs questions to Kafka.
const extraPartitions = 64

// Recoverable judges a cursor entry by protocol.md, section 5. With Ahead come
// the partitions that have to be read further; none if the topic is not found.
func (v *View) Recoverable(event int, pos wire.Position) (Recovery, []int32) {
	e := &v.events[event]
	switch log := e.logAt(v.End); {
	case pos.Log == log:
	case pos.Log == "":
	case log == "":
		return Ahead, nil
	default:
		return Lost, nil
	}
	pos = fromBeginning(pos)
	var short []int32
	for p := range int32(max(len(e.partitions), len(pos.At))) {
		switch e.judge(p, pos.Last(p)) {
		case Lost:
			return Lost, nil
		case Ahead:
			short = append(short, p)
		}
	}
	if short != nil {
		return Ahead, short
	}
	return Recovered, nil
}

// judge looks at one partition, of which the last offset dealt with is given.
func (e *eventView) judge(partition int32, dealt int64) Recovery {
	found := len(e.partitions)
	var p partitionView
	if int(partition) < found {
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
	case !now.read && int(partition) >= found+extraPartitions:
		return Lost
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
