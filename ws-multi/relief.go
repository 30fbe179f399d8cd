package main

import (
	"slices"
	"time"
)

// settling is how long memory that is being given back may still show in samples: who is closed for it has a second to hear
// that, and then the collector has to come round.
const settling = 3 * time.Second

// relief reckons with the memory that clients who were closed for it are giving back, so that nobody else is closed for the
// same bytes. It belongs to one goroutine.
type relief struct {
	given []struct {
		bytes int64
		at    time.Time
	}
	sample time.Time // the newest one that somebody was closed for
}

// due is how many bytes are still to go when a sample says that over are.
func (r *relief) due(over int64, sample time.Time) int64 {
	if !sample.After(r.sample) {
		return 0
	}
	for len(r.given) > 0 && sample.Sub(r.given[0].at) >= settling {
		r.given = slices.Delete(r.given, 0, 1)
	}
	for _, g := range r.given {
		over -= g.bytes
	}
	return over
}

// began notes that so many bytes will come of what was closed for a sample.
func (r *relief) began(bytes int64, sample time.Time) {
	r.given = append(r.given, struct {
		bytes int64
		at    time.Time
	}{bytes, sample})
	r.sample = sample
}
