package program

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// message judges a data message.
func (j *judge) message(f *check.Frame) error {
	j.seq++
	if f.Seq != j.seq {
		return fmt.Errorf("seq should be %d (P5.3)", j.seq)
	}
	if head := fmt.Appendf(nil, `{"seq":%-16d,`, f.Seq); !bytes.HasPrefix(f.Raw, head) {
		return fmt.Errorf("it should begin with %s (P5.1)", head)
	}
	event, p, o, err := f.Position()
	if err != nil {
		return err
	}
	log, ok := j.log[event]
	if !ok || int(p) >= len(log.Partitions) {
		return fmt.Errorf("there is no partition %s/%d", event, p)
	}
	i := search(log.Partitions[p], o-1)
	if i == len(log.Partitions[p]) || log.Partitions[p][i].Offset != o {
		return fmt.Errorf("nothing was written at %s", f.Pos)
	}
	r := log.Partitions[p][i]
	switch {
	case r.Aborted:
		return fmt.Errorf("its transaction was aborted (P1.3)")
	case r.Symbol == "":
		return fmt.Errorf("the record has no channel (P1.3)")
	case f.Channel != r.Symbol+"."+event:
		return fmt.Errorf("the record is of channel %s.%s", r.Symbol, event)
	case f.TS != r.TS:
		return fmt.Errorf("the record's timestamp is %d", r.TS)
	case !anyMatches(j.held, r.Symbol, event):
		return fmt.Errorf("none of %v, which are held, is its channel (P4)", j.held)
	}
	if err := sameValue(f, r); err != nil {
		return err
	}
	if j.replay != nil && j.replay.last != nil {
		return j.newest(f, event, int(p), o)
	}
	at, ok := j.at[event]
	if !ok {
		return fmt.Errorf("no cursor told where %s starts (P6.1)", event)
	}
	if o <= at[p] {
		return fmt.Errorf("everything of the partition up to %d has been dealt with: it came again or out of order (P7.1, P1.5)", at[p])
	}
	if err := j.passed(event, int(p), o-1); err != nil {
		return err
	}
	j.at[event][p] = o
	if j.replay != nil && j.replay.events[event] {
		j.replay.count++
		j.replayed++
	}
	if own, ok := j.own[event]; ok {
		for int(p) >= len(own.At) {
			own.At = append(own.At, -1)
		}
		own.At[p] = max(own.At[p], o)
		j.own[event] = own
	}
	return nil
}

// newest judges a message that comes between the ack of a `last` and its end.
func (j *judge) newest(f *check.Frame, event string, p int, o int64) error {
	l, ok := j.replay.last[f.Channel]
	if !ok {
		return fmt.Errorf("messages of other channels wait until the newest have come (P7.10)")
	}
	if i := search(l.may[p], o-1); i == len(l.may[p]) || l.may[p][i].Offset != o {
		return fmt.Errorf("the newest of %s lie before the ack's cursor; live messages wait until they have come (P7.10)", f.Channel)
	}
	if got := l.got[p]; len(got) > 0 && o <= got[len(got)-1] {
		return fmt.Errorf("the newest come in order: %d was before (P1.5)", got[len(got)-1])
	}
	l.got[p] = append(l.got[p], o)
	j.replay.count++
	j.replayed++
	return nil
}

func sameValue(f *check.Frame, r Record) error {
	value, field := r.Value, `,"data":`
	switch {
	case r.Value == nil:
		value = []byte("null")
	case !r.Text:
		value, _ = json.Marshal(r.Value) // as base64
		field = `,"data_base64":`
	}
	if !bytes.HasSuffix(f.Raw, slices.Concat([]byte(field), value, []byte("}"))) {
		return fmt.Errorf("the value should be %s%s, byte for byte (P5.2)", field[1:], short(value))
	}
	return nil
}

// passed deals with what did not come of a partition up to an offset, inclusive.
func (j *judge) passed(event string, p int, to int64) error {
	log := j.log[event]
	records := log.Partitions[p]
	for i := search(records, j.at[event][p]); i < len(records) && records[i].Offset <= to; i++ {
		r := records[i]
		if r.Aborted || r.Symbol == "" {
			continue
		}
		held := anyMatches(j.held, r.Symbol, event)
		if !held && !anyMatches(j.doubt[event], r.Symbol, event) {
			continue
		}
		may := log.Conflated && r.Value != nil && j.newer(log, p, i)
		switch {
		case held && may:
			j.merged++
		case held:
			why := "the event is not conflated"
			if log.Conflated {
				if why = "no newer one of its channel was there"; r.Value == nil {
					why = "tombstones are never passed over"
				}
			}
			return fmt.Errorf("%s/%d:%d of %s.%s did not come before this, and %s (P5.4, P5.5, P6.3)", event, p, r.Offset, r.Symbol, event, why)
		case may:
			j.doubtful++
		}
	}
	return nil
}

// newer says whether the channel of the i-th record of the partition had a newer one when the present frame came. In
// another partition which one is newer is not known.
func (j *judge) newer(log EventLog, p, i int) bool {
	r := log.Partitions[p][i]
	for q, records := range log.Partitions {
		if q == p {
			records = records[i+1:]
		}
		if slices.ContainsFunc(records, func(other Record) bool {
			return other.Symbol == r.Symbol && !other.Aborted && other.At < j.now.At
		}) {
			return true
		}
	}
	return false
}

// replayedAll judges the end of a replay.
func (j *judge) replayedAll(f *check.Frame) error {
	r := j.replay
	if r == nil || string(f.ID) != fmt.Sprint(r.id) {
		return fmt.Errorf("no replay of that id is under way (P3.3)")
	}
	if f.Replayed != r.count {
		return fmt.Errorf("replayed should be %d (P7.1)", r.count)
	}
	for channel, l := range r.last {
		if err := l.complete(); err != nil {
			return fmt.Errorf("the newest of %s: %w", channel, err)
		}
	}
	j.replay = nil
	return j.cursor(f.Cursor)
}

// complete says whether what `last` brought is what is newest: of each partition the end, and n in all, or all.
func (l *newest) complete() error {
	have, total := 0, 0
	for p, may := range l.may {
		got := l.got[p]
		have, total = have+len(got), total+len(may)
		if l.halved {
			continue
		}
		for i, o := range got {
			if want := may[len(may)-len(got)+i].Offset; o != want {
				return fmt.Errorf("partition %d brought %d, the newest %d are from %d (P7.10)", p, o, len(got), may[len(may)-len(got)].Offset)
			}
		}
	}
	if want := min(l.n, total); have != want && !l.halved {
		return fmt.Errorf("%d came of the %d that were asked for, the log had %d (P7.10)", have, l.n, total)
	}
	return nil
}
