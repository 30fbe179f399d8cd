package check

import (
	"encoding/json"
	"fmt"
	"sync"
)

// Stream checks what a subscriber gets on its channels, over all of its
// connections: the payload's n counts 1, 2, 3 … per channel, and offsets
// ascend per channel and partition. All methods may be called from any
// goroutine.
type Stream struct {
	mu       sync.Mutex
	channels map[string]*channel
	tally    Tally
	first    string // the first thing that was wrong
}

// Tally counts messages.
type Tally struct {
	Received   int64
	Lost       int64 // passed over and not come later
	Duplicated int64
	Reordered  int64 // came after a later one, or with a lower offset
}

type channel struct {
	last    int64              // highest n
	missing map[int64]struct{} // passed over so far
	offsets map[int32]int64    // last offset by partition
}

// NewStream makes a checker that expects every channel from n = 1.
func NewStream() *Stream { return &Stream{channels: map[string]*channel{}} }

// After tells that the channel's messages up to n are not expected.
func (s *Stream) After(name string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(name).last = n
}

func (s *Stream) at(name string) *channel {
	ch, ok := s.channels[name]
	if !ok {
		ch = &channel{missing: map[int64]struct{}{}, offsets: map[int32]int64{}}
		s.channels[name] = ch
	}
	return ch
}

// Take checks a data message; other frames are passed over.
func (s *Stream) Take(f *Frame) {
	if f.Type != "message" {
		return
	}
	var payload struct {
		N int64 `json:"n"`
	}
	err := json.Unmarshal(f.Data, &payload)
	_, partition, offset, perr := f.Position()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Received++
	if err != nil || perr != nil || payload.N < 1 {
		s.note("no counter or position in %s", f)
		s.tally.Lost++
		return
	}
	ch := s.at(f.Channel)
	if _, late := ch.missing[payload.N]; late {
		delete(ch.missing, payload.N)
		s.tally.Reordered++
		s.note("%s: n %d came after %d", f.Channel, payload.N, ch.last)
		return
	}
	if payload.N <= ch.last {
		s.tally.Duplicated++
		s.note("%s: n %d came again, %d was the last", f.Channel, payload.N, ch.last)
		return
	}
	if payload.N > ch.last+1 {
		s.note("%s: n %d came after %d", f.Channel, payload.N, ch.last)
	}
	for n := ch.last + 1; n < payload.N; n++ {
		ch.missing[n] = struct{}{}
	}
	ch.last = payload.N
	if before, ok := ch.offsets[partition]; ok && offset <= before {
		s.tally.Reordered++
		s.note("%s: %s came after offset %d", f.Channel, f.Pos, before)
	}
	ch.offsets[partition] = offset
}

func (s *Stream) note(format string, args ...any) {
	if s.first == "" {
		s.first = fmt.Sprintf(format, args...)
	}
}

// Tally counts what has come; messages passed over so far count as lost.
func (s *Stream) Tally() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally
	for _, ch := range s.channels {
		t.Lost += int64(len(ch.missing))
	}
	return t
}

// Last is the highest n that has come on the channel.
func (s *Stream) Last(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at(name).last
}

// Err says what is wrong with the stream when each channel should have come
// up to its n in ends; nil when nothing is.
func (s *Stream) Err(ends map[string]int64) error {
	t := s.Tally()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, end := range ends {
		if last := s.at(name).last; last < end {
			t.Lost += end - last
			s.note("%s: %d was the last, %d was expected", name, last, end)
		}
	}
	if t.Lost+t.Duplicated+t.Reordered > 0 {
		return fmt.Errorf("%d received, %d lost, %d duplicated, %d reordered; first: %s", t.Received, t.Lost, t.Duplicated, t.Reordered, s.first)
	}
	return nil
}
