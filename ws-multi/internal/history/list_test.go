package history

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A list has what was pushed and not popped, a reader's numbers stay, and its
// memory follows what is kept.
func TestList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l list
		var want, seen, then []uint64
		next := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "so many") {
					next += rapid.Uint64Range(1, 3).Draw(t, "by")
					l.push(next)
					want = append(want, next)
				}
			},
			"pop": func(t *rapid.T) {
				for range rapid.IntRange(0, len(want)).Draw(t, "so many") {
					l.pop()
					want = want[1:]
				}
			},
			"read": func(*rapid.T) { seen = l.numbers(); then = slices.Clone(seen) },
			"": func(t *rapid.T) {
				if got := l.kept(); !slices.Equal(got, want) {
					t.Fatalf("%v, want %v", got, want)
				}
				if !slices.Equal(seen, then) {
					t.Fatalf("what a reader saw as %v has become %v", then, seen)
				}
				if a := l.array.Load(); a != nil && len(a.nums) > max(2*minNumbers, 4*len(want)+4) {
					t.Fatalf("room for %d, %d are kept", len(a.nums), len(want))
				}
			},
		})
	})
}
