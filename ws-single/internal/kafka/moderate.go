package kafka

import "time"

// moderation chooses how the reader sleeps, as a network card's driver does
// (NAPI, interrupt moderation): on its queue while records are rare, so each is
// read at once; by the clock while they are so many that each waking would bring
// only one or two. Waking is most of what a record costs then, and those that
// come meanwhile go out in one send.
type moderation struct {
	since   time.Time // when the records were counted from
	records int
}

const (
	// rest is a sleep by the clock, as short as Go's poller sleeps: what
	// moderation adds to a record's time at most.
	rest = time.Millisecond
	// manyPerRest is how many records in the time of a rest are worth one.
	manyPerRest = 2
)

// busy takes how many records were read until nothing was ready, and reports
// whether so many come that the clock is to be slept on.
func (m *moderation) busy(read int, now time.Time) bool {
	m.records += read
	took := now.Sub(m.since)
	if took < rest {
		return false // too short to tell
	}
	busy := float64(m.records) >= manyPerRest*float64(took)/float64(rest)
	m.since, m.records = now, 0
	return busy
}
