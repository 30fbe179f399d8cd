package loop

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

const (
	maxHandled = 512 // inputs a turn; a resume of many channels takes 50 us
	maxSweep   = 64  // connections a turn serves
	maxPulls   = 8   // connections a turn pulls while others are to be served
)

// maxHandling is how long a turn takes in inputs, about.
const maxHandling = 2 * time.Millisecond

// Run owns everything until ctx is done, and then resets what connections are
// left: to drain them first is the caller's to ask for.
func (l *Loop) Run(ctx context.Context) error {
	l.context = ctx
	defer l.stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if l.turn() {
			runtime.Gosched()
			continue
		}
		timer.Reset(l.idle())
		select {
		case in := <-l.inputs:
			l.early = append(l.early, in)
		case l.batch = <-l.source.Batches():
			l.item = 0
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// turn does a bounded part of what there is to do, in an order that matters:
// what clients sent is taken in before their deadlines are judged, and what
// Kafka brought is marked before connections are served, so that each gets all
// it is due in one send. It reports whether there is more.
func (l *Loop) turn() bool {
	l.wall = l.clock.step()
	for i := range l.early {
		l.handle(&l.early[i])
	}
	l.early = l.early[:0]
	more := l.handleInputs()
	l.take()
	more = l.log.Evict(l.clock.now, l.oldestDue(), maxEvicted) || more
	l.closePaced()
	l.wheel.turn(l.clock.now, func(t timer) {
		if c := l.conns[t.ref.slot]; c != nil && c.gen == t.ref.gen && c.wakeAt == t.at {
			c.wakeAt = 0
			l.check(c)
		}
	})
	served := 0
	if l.flushDue() {
		served = l.sweep(maxSweep)
	}
	pulls := maxPulls
	if served == 0 {
		pulls = maxSweep
	}
	l.pull(pulls)

	end := time.Now()
	if l.sample > 0 { // a record may have none
		l.stats.latency.observe(max(0, float64(end.UnixMilli()-l.sample)/1000))
		l.sample = 0
	}
	l.stats.turned(end.Sub(l.wall))
	if since := end.Sub(l.published); since >= time.Second {
		l.publish(end, since)
		l.published = end
	}
	if l.o.Shed != nil && l.clock.now >= l.relieveAt {
		l.relieveAt = l.clock.now + relieveMS
		if over := l.o.Shed(); over > 0 {
			l.shed(over)
		}
	}
	if l.sweeps.len() == 0 {
		l.flushing = false
	}
	return more || l.batch != nil && !l.holding() || l.pulls.len() > 0 || l.sweeps.len() > 0 && l.flushAt == 0
}

func (l *Loop) handleInputs() bool {
	for i := range maxHandled {
		if i%32 == 31 && time.Since(l.wall) > maxHandling {
			return true
		}
		select {
		case in := <-l.inputs:
			l.handle(&in)
		default:
			return false
		}
	}
	return true
}

// flushDue reports whether marked connections are to be served now. With a
// flush interval, one write carries all that came in it.
func (l *Loop) flushDue() bool {
	if l.o.FlushInterval <= 0 {
		return true
	}
	switch {
	case l.sweeps.len() == 0:
		l.flushAt = 0
	case l.flushAt == 0 && !l.flushing:
		l.flushAt = l.clock.now + max(1, l.o.FlushInterval.Milliseconds())
	case l.flushAt != 0 && (l.clock.now >= l.flushAt || l.holding()):
		l.flushAt, l.flushing = 0, true
	}
	return l.flushing
}

// idle is how long there is nothing to do unless somebody says so.
func (l *Loop) idle() time.Duration {
	wait := time.Second - time.Since(l.published)
	until := func(at int64) {
		wait = min(wait, time.Duration(at-l.clock.now)*time.Millisecond)
	}
	if l.held > 0 {
		until(l.wheel.next())
	}
	if l.flushAt != 0 {
		until(l.flushAt)
	}
	if len(l.pacers) > 0 {
		until(l.clock.now + paceMS)
	}
	return max(wait, 0)
}

// paceMS is how finely closes are spread.
const paceMS = 5

// relieveMS is how often a loop that turns asks what memory has to go: near its
// limit the guard looks that often.
const relieveMS = 250

// shedding is memory that connections which were closed for it are giving back.
type shedding struct {
	bytes int64
	until int64 // ms; from then on samples do not show it any more
}

// shed closes those furthest behind, for about so many bytes: what the kernel
// holds for them, and the rest of a frame that it did not take whole. They have a
// moment to take the code; then they are reset, which is what frees the memory.
// Until then, and until the collector has been there, samples of the memory still
// show it: nobody else is closed for that much.
func (l *Loop) shed(over int64) {
	const (
		each   = 64 << 10 // a full socket's share
		most   = 1000     // at once; there is a next sample
		moment = 1000     // ms
		settle = 3000     // ms
	)
	l.shedding = slices.DeleteFunc(l.shedding, func(s shedding) bool { return l.clock.now >= s.until })
	for _, s := range l.shedding {
		over -= s.bytes
	}
	if over <= 0 {
		return
	}
	var full []*conn
	for _, c := range l.conns {
		if c != nil && c.full && c.closing == open {
			full = append(full, c)
		}
	}
	slices.SortFunc(full, func(a, b *conn) int { return cmp.Compare(l.position(a), l.position(b)) })
	closed, freed := 0, int64(0)
	for _, c := range full {
		if freed > over || closed == most {
			break
		}
		closed++
		freed += each + int64(len(c.rest))
		l.closeNow(c, wire.CloseOverloaded, "server overloaded", true)
		c.reset, c.closeBy = true, l.clock.now+moment
		l.wake(c, c.closeBy)
	}
	if closed == 0 {
		return // nobody is behind: the guard refuses newcomers, and tells that
	}
	l.shedding = append(l.shedding, shedding{freed, l.clock.now + settle})
	l.o.Log.Warn("memory is near WS_MEMORY_LIMIT: those furthest behind are closed", "closed", closed, "behind", len(full), "bytes_over", over)
}

// stop resets what is left and waits for the goroutines of all connections.
func (l *Loop) stop() {
	close(l.done)
	l.end()
	for _, c := range l.conns {
		if c != nil {
			c.in.muted.Store(true)
			c.reset = c.reset || c.closing != closed // a close frame on its way may arrive
			l.release(c)
		}
	}
	for {
		select {
		case in := <-l.inputs:
			if in.kind == inOpen {
				_ = in.newcome.Sock.Close()
				in.newcome.Place.Release()
			}
			continue
		default:
		}
		break
	}
	if l.batch != nil {
		l.source.Release(l.batch)
		l.batch = nil
	}
	l.started.Wait()
}
