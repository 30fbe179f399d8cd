package load

import "math"

// holding is a channel that a connection holds, and what has come of it.
type holding struct {
	channel int32
	base    uint32 // the first n that came; 0: none yet
	last    uint32 // the highest
	seen    uint32 // bit i: last-i has come
}

// window is how many of the last messages a holding can tell apart.
const window = 32

// take checks the next n of the channel. The first one sets where counting begins. One that is passed over counts as
// lost until it comes after all, out of order. It returns false for an n that no publisher writes.
func (h *holding) take(n int64, faults *Faults) bool {
	if n < 1 || n > math.MaxUint32 {
		return false
	}
	v := uint32(n)
	if v == h.last+1 && h.last != 0 {
		h.last, h.seen = v, h.seen<<1|1
		return true
	}
	switch back := h.last - v; {
	case h.last == 0:
		h.base, h.last, h.seen = v, v, 1
	case v > h.last:
		faults.Lost += int64(v - h.last - 1)
		h.seen = h.seen<<(v-h.last) | 1 // a shift by more than there are bits leaves none
		h.last = v
	case v < h.base: // not waited for: nothing was lost
		faults.Reordered++
	case back >= window || h.seen>>back&1 == 1: // whether one from so long ago had come is not known
		faults.Doubled++
	default:
		h.seen |= 1 << back
		faults.Lost--
		faults.Reordered++
	}
	return true
}

// find returns the place of a channel among those a connection holds, which are sorted; -1: it does not hold it.
func find(held []holding, channel int32) int {
	low, high := 0, len(held)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if held[middle].channel < channel {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(held) && held[low].channel == channel {
		return low
	}
	return -1
}
