package program

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// answered finds the command that a frame answers. An answer comes before that of an earlier command only where that one
// is a resume that waits (P3.4).
func (j *judge) answered(f *check.Frame, kinds ...string) (*asked, error) {
	id, err := strconv.Atoi(string(f.ID))
	i := slices.IndexFunc(j.asked, func(a *asked) bool { return a.ID == id })
	if err != nil || i < 0 {
		return nil, fmt.Errorf("no command with that id waits for an answer (P3.3)")
	}
	a := j.asked[i]
	if !slices.Contains(kinds, a.Type) {
		return nil, fmt.Errorf("command %d was a %s", id, a.Type)
	}
	for _, earlier := range j.asked[:i] {
		if earlier.Cursor == nil {
			return nil, fmt.Errorf("command %d, a %s, was sent before and is not answered (P3.4)", earlier.ID, earlier.Type)
		}
		earlier.overtaken = true
	}
	j.asked = slices.Delete(j.asked, i, i+1)
	return a, nil
}

// unfit says why a subscribe must get BAD_REQUEST, "" when nothing is wrong with it.
func (j *judge) unfit(a *asked) string {
	for event := range a.Cursor {
		if ofEvent(a.Channels, event) && ofEvent(j.held, event) {
			return fmt.Sprintf("a channel of %s is held (P7.4)", event)
		}
	}
	if a.Last == 0 {
		return ""
	}
	for _, pattern := range a.Channels {
		symbol, event, _ := strings.Cut(pattern, ".")
		if exact(pattern) && anyMatches(j.held, symbol, event) {
			return fmt.Sprintf("%s is got already (P7.10)", pattern)
		}
	}
	return ""
}

// refused judges an error.
func (j *judge) refused(f *check.Frame) error {
	a, err := j.answered(f, "subscribe", "unsubscribe", "heartbeat")
	if err != nil {
		return err
	}
	if f.Message == "" || f.Temporary != wire.ErrorCode(f.ErrorCode()).Temporary() {
		return fmt.Errorf("it has no message, or is temporary and should not be, or the other way round (P3.5, P11)")
	}
	if a.Type == "subscribe" {
		switch wire.ErrorCode(f.ErrorCode()) {
		case wire.BadRequest:
			if j.unfit(a) != "" || a.overtaken {
				return nil
			}
		case wire.Busy:
			waits := slices.ContainsFunc(j.asked, func(other *asked) bool { return other.ID < a.ID && other.replays() })
			if a.replays() && (j.replay != nil || waits) {
				return nil
			}
		case wire.Unavailable:
			if a.Cursor != nil {
				return nil
			}
		}
	}
	return fmt.Errorf("the %s of %v had no such fault, %v are held", a.Type, a.Channels, j.held)
}

// subscribed judges the ack of a subscribe and takes what it says.
func (j *judge) subscribed(f *check.Frame) error {
	a, err := j.answered(f, "subscribe")
	if err != nil {
		return err
	}
	if why := j.unfit(a); why != "" {
		return fmt.Errorf("it should be BAD_REQUEST: %s", why)
	}
	if a.replays() && j.replay != nil {
		return fmt.Errorf("it should be BUSY: the replay of %d is not complete (P7.7)", j.replay.id)
	}
	var asked []string // without repeats
	held := slices.Clone(j.held)
	for _, p := range a.Channels {
		if !slices.Contains(asked, p) {
			asked = append(asked, p)
		}
		if !slices.Contains(held, p) {
			held = append(held, p)
		}
	}
	if !slices.Equal(f.Subscribed, asked) || f.Count != len(held) {
		return fmt.Errorf("subscribed should be %v, count %d (P4.1)", asked, len(held))
	}
	if told := f.Recovered != nil && f.Lost != nil; told != (a.Cursor != nil) {
		return fmt.Errorf("recovered and lost stand in the ack: %t, the command had a cursor: %t (P7.1)", told, a.Cursor != nil)
	}
	if f.Recovered != nil && (!*f.Recovered || len(f.Lost) > 0) {
		return fmt.Errorf("nothing was lost of the log (P7.2)")
	}
	// What was held goes on from where it was.
	before, at := j.held, map[string][]int64{}
	for event := range j.log {
		position, ok := f.Cursor[event]
		if is := ofEvent(held, event); is != ok {
			return fmt.Errorf("entry for %s: %t, a channel of it is held: %t (P6.1)", event, ok, is)
		}
		if !ok {
			continue
		}
		follows := ofEvent(before, event)
		if err := j.position(event, position, follows); err != nil {
			return err
		}
		at[event] = j.at[event]
		if own, resumed := a.Cursor[event]; resumed && !samePlace(own, position) {
			return fmt.Errorf("%s was to go on from %v (P7.1)", event, own.At)
		}
	}
	j.held, j.at = held, at
	switch {
	case a.Cursor != nil:
		j.replay = &replay{id: a.ID, events: map[string]bool{}}
		for event := range a.Cursor {
			if ofEvent(a.Channels, event) {
				j.replay.events[event] = true
			}
		}
	case a.Last > 0:
		j.replay = &replay{id: a.ID, last: map[string]*newest{}}
		for _, p := range asked {
			if exact(p) {
				j.replay.last[p] = j.wanted(p, a.Last)
			}
		}
	}
	return nil
}

// wanted is what `last` must bring of a channel, of what lies before the connection's place.
func (j *judge) wanted(channel string, n int) *newest {
	symbol, event, _ := strings.Cut(channel, ".")
	log := j.log[event]
	l := &newest{n: n, may: make([][]Record, len(log.Partitions)), got: make([][]int64, len(log.Partitions))}
	for p, records := range log.Partitions {
		for _, r := range records[:search(records, j.at[event][p])] {
			if r.Symbol == symbol && !r.Aborted {
				l.may[p] = append(l.may[p], r)
			}
		}
	}
	return l
}

// unsubscribed judges the ack of an unsubscribe. It tells no place: what of the channels given up was passed over before
// is not known until a cursor comes.
func (j *judge) unsubscribed(f *check.Frame) error {
	a, err := j.answered(f, "unsubscribe")
	if err != nil {
		return err
	}
	var given, left []string
	for _, p := range j.held {
		if a.Channels == nil || slices.Contains(a.Channels, p) {
			given = append(given, p)
		} else {
			left = append(left, p)
		}
	}
	if !sameSet(f.Unsubscribed, given) || f.Count != len(left) || f.Unsubscribed == nil {
		return fmt.Errorf("unsubscribed should be %v, count %d (P4.6)", given, len(left))
	}
	j.held = left
	for event, log := range j.log {
		if !ofEvent(given, event) {
			continue
		}
		j.doubt[event] = append(j.doubt[event], given...)
		if ofEvent(left, event) {
			continue
		}
		// No cursor will tell of it any more.
		if log.Conflated {
			j.abandon(event)
		}
		delete(j.at, event)
		delete(j.doubt, event)
	}
	if j.replay != nil {
		for channel, l := range j.replay.last {
			symbol, event, _ := strings.Cut(channel, ".")
			l.halved = l.halved || !anyMatches(left, symbol, event)
		}
	}
	return nil
}

// abandon counts what of an event that is given up whole may have been passed over by now.
func (j *judge) abandon(event string) {
	log := j.log[event]
	for p, records := range log.Partitions {
		for i := search(records, j.at[event][p]); i < len(records); i++ {
			r := records[i]
			if r.At < j.now.At && !r.Aborted && r.Value != nil && anyMatches(j.doubt[event], r.Symbol, event) && j.newer(log, p, i) {
				j.doubtful++
			}
		}
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
