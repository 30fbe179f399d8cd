//go:build race

package variant

// Race tells whether this program carries the race detector.
const Race = true
