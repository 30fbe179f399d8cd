package fault

import (
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// entry is a record, and the message that brings it.
type entry struct {
	partition int32
	offset    int64
	channel   string
	data      string
}

func newEntry(partition int32, offset int64, symbol string, value []byte) entry {
	e := entry{partition, offset, symbol + ".trade", "null"}
	if value != nil {
		e.data = string(value)
	}
	return e
}

func (e entry) byPartition() string { return fmt.Sprint("partition ", e.partition) }
func (e entry) byChannel() string   { return e.channel }

// entries are in the order of each partition.
type entries []entry

// behind are those that a cursor does not cover.
func (all entries) behind(cursor wire.Cursor) (some entries) {
	for _, e := range all {
		if e.offset > cursor["trade"].Last(e.partition) {
			some = append(some, e)
		}
	}
	return some
}

// newest are the last n of each channel.
func (all entries) newest(n int) (some entries) {
	count := map[string]int{}
	for _, e := range slices.Backward(all) {
		if count[e.channel]++; count[e.channel] <= n {
			some = append(some, e)
		}
	}
	slices.Reverse(some)
	return some
}

// end is a cursor, without its log, that covers all of them.
func (all entries) end() wire.Cursor {
	at := slices.Repeat([]int64{-1}, compactedPartitions)
	for _, e := range all {
		at[e.partition] = e.offset
	}
	return wire.Cursor{"trade": {At: at}}
}

// without is how many cursors name a record that is not among them.
func (all entries) without(cursors []wire.Cursor) (n int) {
	for _, cursor := range cursors {
		for p := range int32(compactedPartitions) {
			at := cursor["trade"].Last(p)
			if at >= 0 && !slices.ContainsFunc(all, func(e entry) bool { return e.partition == p && e.offset == at }) {
				n++
				break
			}
		}
	}
	return n
}

// begin is the first offset of each partition.
func (all entries) begin() []int64 {
	at := make([]int64, compactedPartitions)
	for _, e := range slices.Backward(all) {
		at[e.partition] = e.offset
	}
	return at
}

// differ says where they differ from others, in the order of each group; "" if nowhere.
func (all entries) differ(want entries, group func(entry) string) string {
	a, b := map[string]entries{}, map[string]entries{}
	for _, e := range all {
		a[group(e)] = append(a[group(e)], e)
	}
	for _, e := range want {
		b[group(e)] = append(b[group(e)], e)
		if _, came := a[group(e)]; !came {
			a[group(e)] = nil
		}
	}
	for name, got := range a {
		want := b[name]
		for i := range max(len(got), len(want)) {
			switch {
			case i >= len(got):
				return fmt.Sprintf("%s: %d of %d came, %v is missing", name, len(got), len(want), want[i])
			case i >= len(want):
				return fmt.Sprintf("%s: %d were there, %v is one too many", name, len(want), got[i])
			case got[i] != want[i]:
				return fmt.Sprintf("%s: %v is in the place of %v", name, got[i], want[i])
			}
		}
	}
	return ""
}
