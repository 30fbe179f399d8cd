package loop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/history"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// awaiting is a subscribe whose cursor is ahead of what was read here.
type awaiting struct {
	cmd   wire.Command
	since int64 // of kafka.Since; when it came
	until int64 // on the loop's clock; then it is Unavailable
	asked bool  // where the log ends; what lies beyond is lost
	short map[string]bool
}

// aheadTime is how long a subscribe waits for its cursor to be read.
const aheadTime = 5000 // ms

// subscribe adds channels: all of them or, with an error, none.
func (l *Loop) subscribe(c *conn, cmd *wire.Command) {
	if code, message := l.subscribable(c, cmd); code != "" {
		l.refuse(c, cmd, code, message)
		return
	}
	if cmd.Cursor == nil {
		l.begin(c, cmd, nil, nil)
		return
	}
	l.resume(c, &awaiting{cmd: *cmd, since: kafka.Since(l.clock.read), until: l.clock.now + aheadTime})
}

// subscribable says why a subscribe is refused, or nothing.
func (l *Loop) subscribable(c *conn, cmd *wire.Command) (wire.ErrorCode, string) {
	added := 0
	for i, p := range cmd.Patterns {
		if p.Event != "*" {
			if _, ok := l.index.EventIndex(p.Event); !ok {
				return wire.ChannelInvalid, fmt.Sprintf("%s: this server has no event %q", cmd.Channels[i], p.Event)
			}
		}
		if !c.identity.Allows(p) {
			return wire.Forbidden, fmt.Sprintf("%s: the token does not cover it", cmd.Channels[i])
		}
		if !c.subs.Has(p) {
			added++
		}
	}
	if limit := l.o.Limits.Channels; limit > 0 && c.subs.Count()+added > limit {
		return wire.ChannelLimit, fmt.Sprintf("%d channels would be held, %d are allowed: unsubscribe from some first",
			c.subs.Count()+added, limit)
	}
	if cmd.Cursor == nil && cmd.Last == 0 {
		return "", ""
	}
	for name := range cmd.Cursor {
		if e, ok := l.index.EventIndex(name); ok && c.subs.HoldsEvent(e) {
			return wire.BadRequest, fmt.Sprintf(
				"cursor: the connection holds a channel of %s already: leave %s out of the cursor", name, name)
		}
	}
	if cmd.Last > 0 {
		for i, p := range cmd.Patterns {
			if p.Symbol != "*" && p.Event != "*" && c.subs.Gets(p.Symbol, p.Event) {
				return wire.BadRequest, fmt.Sprintf("last: the connection gets %s already: leave it out", cmd.Channels[i])
			}
		}
	}
	if c.replay != nil || c.awaiting != nil {
		return wire.Busy, "an earlier replay is not complete: wait for its replay_complete"
	}
	return "", ""
}

// resume judges a cursor event by event. While one is ahead of what was read
// here and lies within the log, the subscribe waits.
func (l *Loop) resume(c *conn, a *awaiting) {
	var found []resumed
	var lost []string
	ahead := make(map[int][]int32)
	for name, pos := range a.cmd.Cursor {
		e, known := l.index.EventIndex(name)
		if !matches(a.cmd.Patterns, name) {
			continue
		}
		if !known {
			lost = append(lost, name)
			continue
		}
		verdict, partitions := l.log.Recoverable(e, pos)
		switch {
		case verdict == history.Lost || a.short[name]:
			lost = append(lost, name)
		case verdict == history.Ahead:
			ahead[e] = partitions
		default:
			if pos.Log == "" {
				pos.At = nil // from before the topic existed: its beginning
			}
			found = append(found, resumed{event: e, from: pos})
		}
	}
	if len(ahead) > 0 {
		l.await(c, a, ahead)
		return
	}
	c.awaiting = nil
	slices.Sort(lost)
	l.begin(c, &a.cmd, found, lost)
}

// matches reports whether a pattern of the set matches channels of the event.
func matches(patterns []wire.Pattern, event string) bool {
	return slices.ContainsFunc(patterns, func(p wire.Pattern) bool { return p.Event == event || p.Event == "*" })
}

func (l *Loop) await(c *conn, a *awaiting, ahead map[int][]int32) {
	if c.awaiting == nil {
		c.awaiting = a
		if c.queued&inWaiting == 0 {
			c.queued |= inWaiting
			l.waiting = append(l.waiting, c.ref)
		}
		l.wake(c, a.until)
	}
	if !a.asked {
		a.asked = true
		l.askEnds(c, a, ahead)
	}
}

// maxAsking is how many questions about log ends are under way at once.
const maxAsking = 4

// askEnds asks Kafka where the log ends, in a goroutine of its own.
func (l *Loop) askEnds(c *conn, a *awaiting, ahead map[int][]int32) {
	r := c.ref
	for e, partitions := range ahead {
		if partitions = l.readHere(e, partitions); len(partitions) == 0 {
			continue
		}
		l.started.Go(func() {
			ctx, cancel := context.WithTimeout(l.context, aheadTime*time.Millisecond)
			defer cancel()
			select {
			case l.asking <- struct{}{}:
				defer func() { <-l.asking }()
			case <-ctx.Done():
				return
			}
			ends, err := l.source.Ends(ctx, e, partitions)
			if err != nil {
				return // the subscribe's own deadline answers
			}
			l.put(input{kind: inCall, run: func() { l.knowEnds(r, a, e, partitions, ends) }})
		})
	}
}

// knowEnds gives up an event whose cursor lies beyond the log's end. The answer
// counts for the subscribe that asked: the next one may be of a log that has grown.
func (l *Loop) knowEnds(r ref, a *awaiting, event int, partitions []int32, ends []int64) {
	c := l.conns[r.slot]
	if c == nil || c.gen != r.gen || c.awaiting != a {
		return
	}
	name := l.events[event]
	for i, p := range partitions {
		if a.cmd.Cursor[name].Last(p) >= ends[i] {
			a.giveUp(name)
		}
	}
	l.retry(c)
}

// giveUp makes an event lost.
func (a *awaiting) giveUp(event string) {
	if a.short == nil {
		a.short = make(map[string]bool)
	}
	a.short[event] = true
}

// giveUpAbsent gives up the events whose topics, or partitions that the cursor
// names, have been looked for since and are not there: a client that sends such a
// cursor again and again would never have its other channels.
func (l *Loop) giveUpAbsent(a *awaiting) {
	if l.surveyed < a.since {
		return
	}
	for name, pos := range a.cmd.Cursor {
		e, known := l.index.EventIndex(name)
		if !known {
			continue
		}
		verdict, partitions := l.log.Recoverable(e, pos)
		if verdict == history.Ahead && len(l.readHere(e, partitions)) == 0 {
			a.giveUp(name)
		}
	}
}

// readHere picks the partitions that are read here. Of the others Kafka is not
// asked: about one that does not exist there is no answer, and so none about the rest.
func (l *Loop) readHere(event int, partitions []int32) []int32 {
	return slices.DeleteFunc(partitions, func(p int32) bool {
		_, read := l.log.End(event, p)
		return !read
	})
}

// retry looks again at a subscribe that waits.
func (l *Loop) retry(c *conn) {
	a := c.awaiting
	if code, message := l.stillSubscribable(c, &a.cmd); code != "" {
		c.awaiting = nil
		l.refuse(c, &a.cmd, code, message)
		return
	}
	over := l.clock.now >= a.until
	if over {
		l.giveUpAbsent(a)
	}
	l.resume(c, a)
	if c.awaiting != nil && over {
		c.awaiting = nil
		l.refuse(c, &a.cmd, wire.Unavailable, "the cursor is ahead of what this server has read: send it again")
	}
}

func (l *Loop) stillSubscribable(c *conn, cmd *wire.Command) (wire.ErrorCode, string) {
	a := c.awaiting
	c.awaiting = nil
	code, message := l.subscribable(c, cmd)
	c.awaiting = a
	return code, message
}

// retryInterval is how often subscribes that wait are looked at, ms.
const retryInterval = 10

// retryAll looks at all subscribes that wait, after something was read.
func (l *Loop) retryAll() {
	l.retriedAt = l.clock.now
	waiting := l.waiting
	l.waiting = l.waiting[:0]
	for _, r := range waiting {
		c := l.conns[r.slot]
		if c == nil || c.gen != r.gen {
			continue
		}
		if c.awaiting != nil && c.closing == open {
			l.retry(c)
		}
		if c.awaiting == nil {
			c.queued &^= inWaiting
			continue
		}
		l.waiting = append(l.waiting, r)
	}
}

// begin carries a subscribe out: from here on nothing can fail.
func (l *Loop) begin(c *conn, cmd *wire.Command, found []resumed, lost []string) {
	l.count(cmd.Type, "")
	ack := &wire.SubscriptionAck{ID: cmd.ID, Subscribed: cmd.Channels, Resumed: cmd.Cursor != nil, Lost: lost}
	l.dropDue(c) // what was due before the ack is sent before it
	if cmd.Cursor != nil || cmd.Last > 0 {
		l.pullFrom(c)
	}
	l.closeReaders(c)
	l.freeze(c)
	c.subs.Add(cmd.Patterns)
	l.look(c)
	ack.Count = c.subs.Count()
	switch {
	case cmd.Cursor != nil:
		if len(lost) == 0 {
			l.stats.Recovered++
		} else {
			l.stats.LostResumes++
		}
		l.beginResume(c, cmd, found)
	case cmd.Last > 0:
		l.beginNewest(c, cmd)
	}
	l.reply(c, control{kind: controlAck, ack: ack, resumed: found})
}

func (l *Loop) beginResume(c *conn, cmd *wire.Command, found []resumed) {
	r := &replay{id: cmd.ID, resumed: found, bound: l.log.Next()}
	r.at = r.bound
	for i := range found {
		found[i].starts = l.log.Starts(found[i].event, found[i].from)
		now := l.log.Position(found[i].event, r.bound)
		found[i].log, found[i].count = now.Log, len(now.At)
		for _, n := range found[i].starts {
			r.at = min(r.at, n)
		}
	}
	c.replay = r
	if r.at < r.bound {
		r.reader = l.openReplay(c, r.at)
		r.at, _ = r.reader.Peek() // the first that it really brings
	}
	if r.first = r.at; r.at == r.bound {
		r.first = nothing
	}
}

func (l *Loop) beginNewest(c *conn, cmd *wire.Command) {
	r := &replay{id: cmd.ID, newest: cmd.Last, bound: l.position(c)}
	for _, p := range cmd.Patterns {
		if p.Symbol == "*" || p.Event == "*" {
			continue
		}
		if id, ok := l.index.Find(p); ok {
			r.channels = append(r.channels, id)
		}
	}
	c.replay = r
	r.reader = l.openReplay(c, 0)
	r.at, _ = r.reader.Peek()
	r.first = r.at
}
