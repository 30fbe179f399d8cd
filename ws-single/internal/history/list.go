package history

import "sort"

// list holds ascending numbers: appended at the end, evicted at the front. An
// index into it stays valid while the number is there: it counts from the
// first number ever held.
type list struct {
	nums   []uint64
	head   int    // nums[:head] are evicted
	popped uint64 // how many were evicted before nums[0]
}

func (l *list) push(n uint64) {
	if l.head > 16 && l.head > len(l.nums)/2 {
		l.popped += uint64(l.head)
		l.nums = l.nums[:copy(l.nums, l.nums[l.head:])]
		l.head = 0
	}
	l.nums = append(l.nums, n)
}

func (l *list) pop() {
	l.head++
	if l.head == len(l.nums) {
		l.popped += uint64(l.head)
		l.nums, l.head = l.nums[:0], 0
		if cap(l.nums) > 1024 {
			l.nums = nil
		}
	}
}

func (l *list) empty() bool   { return l.head == len(l.nums) }
func (l *list) begin() uint64 { return l.popped + uint64(l.head) }
func (l *list) end() uint64   { return l.popped + uint64(len(l.nums)) }

// at returns the number at index i, begin() <= i < end().
func (l *list) at(i uint64) uint64 { return l.nums[i-l.popped] }

// seek returns the index of the first number that is not below n.
func (l *list) seek(n uint64) uint64 {
	live := l.nums[l.head:]
	return l.begin() + uint64(sort.Search(len(live), func(i int) bool { return live[i] >= n }))
}
