package program

import (
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// cursor judges a frame's cursor: it covers all that came before it, and nothing that did not.
func (j *judge) cursor(c wire.Cursor) error {
	if c == nil {
		return fmt.Errorf("it has no cursor (P6)")
	}
	for event := range j.log {
		position, ok := c[event]
		if held := ofEvent(j.held, event); ok != held {
			return fmt.Errorf("entry for %s: %t, a channel of it is held: %t (P6.1)", event, ok, held)
		}
		if ok {
			if err := j.position(event, position, true); err != nil {
				return err
			}
		}
	}
	for event := range c {
		if _, ok := j.log[event]; !ok {
			return fmt.Errorf("there is no event %s (P6.1)", event)
		}
	}
	return nil
}

// position judges a cursor's entry and takes it; with follow it goes on from where the connection was.
func (j *judge) position(event string, c wire.Position, follow bool) error {
	log := j.log[event]
	if c.Log != log.Name {
		return fmt.Errorf("%s: its log is %q (P6.1)", event, log.Name)
	}
	if len(c.At) > len(log.Partitions) {
		return fmt.Errorf("%s has %d partitions (P6.1)", event, len(log.Partitions))
	}
	to := make([]int64, len(log.Partitions))
	for p, records := range log.Partitions {
		to[p] = c.Last(int32(p))
		i := search(records, to[p])
		if to[p] >= log.Ends[p] || i > 0 && records[i-1].At >= j.now.At {
			return fmt.Errorf("%s/%d is said to be at %d: that was not written yet (P6.3)", event, p, to[p])
		}
		if !follow {
			continue
		}
		if at := j.at[event][p]; to[p] < at {
			// It may go back over what is no message, markers and aborted records, for it still covers the same.
			if k := slices.IndexFunc(records[i:search(records, at)], func(r Record) bool { return r.Symbol != "" && !r.Aborted }); k >= 0 {
				return fmt.Errorf("%s/%d is said to be at %d, it was at %d before, and %d was a message (P6.3)", event, p, to[p], at, records[i+k].Offset)
			}
			continue
		}
		if err := j.passed(event, p, to[p]); err != nil {
			return err
		}
	}
	j.at[event] = to
	delete(j.doubt, event)
	return nil
}

// counts judges a pong or bye: its cursor first, which tells what was passed over.
func (j *judge) counts(f *check.Frame) error {
	if f.Sent != j.seq {
		return fmt.Errorf("%d came before this (P9.2)", j.seq)
	}
	if f.Replayed != j.replayed {
		return fmt.Errorf("%d of them came by replays (P9.2)", j.replayed)
	}
	if err := j.cursor(f.Cursor); err != nil {
		return err
	}
	if f.Merged < j.merged || f.Merged > j.merged+j.doubtful {
		return fmt.Errorf("%d to %d were passed over (P9.2)", j.merged, j.merged+j.doubtful)
	}
	j.merged, j.doubtful = f.Merged, 0
	return nil
}

// sameCursor says whether both are the same place.
func sameCursor(a, b wire.Cursor) bool {
	if len(a) != len(b) {
		return false
	}
	for event, x := range a {
		y, ok := b[event]
		if !ok || !samePlace(x, y) {
			return false
		}
	}
	return true
}

func samePlace(x, y wire.Position) bool {
	for p := range max(len(x.At), len(y.At)) {
		if x.Last(int32(p)) != y.Last(int32(p)) {
			return false
		}
	}
	return x.Log == y.Log
}
