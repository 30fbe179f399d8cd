package history

import (
	"slices"
	"sync/atomic"
)

// minNumbers is the capacity of a new list. Most channels are quiet.
const minNumbers = 4

// list holds ascending numbers: one writer appends at the end and evicts at the
// front, readers take what is there. The zero value is an empty list.
type list struct {
	array atomic.Pointer[array]
	more  atomic.Pointer[list] // the channel's next partition; not used in a partition's list

	// partition is set before array is, and may be read after that.
	partition int32
	// gone counts the evicted numbers at the front of array. It is the writer's.
	gone uint32
}

// array is what numbers are appended to. Only nums[used] is ever written, before
// used is raised.
type array struct {
	used atomic.Uint32
	nums []uint64
}

// numbers is what a reader sees: all that was appended before, and of what was
// evicted perhaps a part. It does not change.
func (l *list) numbers() []uint64 {
	a := l.array.Load()
	if a == nil {
		return nil
	}
	n := a.used.Load()
	return a.nums[:n:n]
}

// kept is numbers without the evicted ones, for the writer.
func (l *list) kept() []uint64 {
	if nums := l.numbers(); nums != nil {
		return nums[l.gone:]
	}
	return nil
}

// push appends a number that is above all others. Writer only.
func (l *list) push(n uint64) {
	a := l.array.Load()
	if a == nil || int(a.used.Load()) == len(a.nums) {
		a = l.renew()
	}
	i := a.used.Load()
	a.nums[i] = n
	a.used.Store(i + 1)
}

// pop evicts the lowest number. Writer only.
func (l *list) pop() {
	l.gone++
	a := l.array.Load()
	if kept := int(a.used.Load() - l.gone); len(a.nums) > 2*minNumbers && 4*kept <= len(a.nums) {
		l.renew()
	}
}

// renew goes on in another array, with room for as many again as are kept: a
// number is copied about once in its life, and a list that has shrunk lets its
// memory go.
func (l *list) renew() *array {
	kept := l.kept()
	a := newArray(2 * len(kept))
	a.used.Store(uint32(copy(a.nums, kept)))
	l.gone = 0
	l.array.Store(a)
	return a
}

func newArray(n int) *array {
	if n > minNumbers {
		return &array{nums: make([]uint64, n)}
	}
	small := new(struct { // one object instead of two
		array
		nums [minNumbers]uint64
	})
	small.array.nums = small.nums[:]
	return &small.array
}

// seek is the index of the first number that is not below n.
func seek(nums []uint64, n uint64) int {
	i, _ := slices.BinarySearch(nums, n)
	return i
}
