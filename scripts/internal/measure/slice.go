package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/load"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const (
	look     = 250 * time.Millisecond // between two points of the timeline
	poll     = 4 * time.Millisecond   // while the last deliveries are awaited
	patience = 5 * time.Second        // without any delivery, until they are given up
	quiet    = 300 * time.Millisecond // what a server without deliveries gets to read its records
)

// reading is what the machine's clocks say at one moment.
type reading struct {
	at    time.Time
	cpu   time.Duration // the lane's server
	ours  time.Duration // all servers and baselines
	loads time.Duration // generator, publisher and broker, as far as they are this run's
	cores machine.Cores
}

func (r *Rig) read(in *instance) (reading, error) {
	now := reading{}
	for _, other := range r.instances {
		cpu, err := other.cpu()
		if err != nil {
			return now, err
		}
		now.ours += cpu
		if other == in {
			now.cpu = cpu
		}
	}
	var err error
	if len(shared(in.cores, r.cfg.Load)) > 0 {
		if now.loads, err = r.loads(); err != nil {
			return now, err
		}
	}
	now.cores, err = machine.ReadCores()
	now.at = time.Now()
	return now, err
}

// slice is one turn of a lane.
func (r *Rig) slice(ctx context.Context, l *lane, round int, d time.Duration) (result.Slice, error) {
	if r.cfg.Provoke != nil {
		r.cfg.Provoke(r.slices, r)
	}
	r.slices++
	in := l.in
	if round >= 0 { // the same records for all lanes of a round
		l.next = scenario.SequenceOf(&in.scenario, l.publish, r.cfg.Seed+uint64(round))
		if l.resume > 0 {
			if err := in.late.leave(ctx, r, in); err != nil {
				return result.Slice{Round: round}, err
			}
		}
	}
	out := result.Slice{Round: round, At: r.since()}
	before, err := in.look(ctx)
	if err != nil {
		return out, err
	}
	mallocs, asking, err := in.mallocsAndAsking(ctx)
	if err != nil {
		return out, err
	}
	// Clients that hear nothing are left asleep: a generator that looks at its sockets would be in the broker's way for
	// this server, and not for one without clients.
	listens := in.fleet != nil && !in.scenario.Subscribe.None
	if listens {
		if err := in.fleet.Begin(ctx); err != nil {
			return out, err
		}
	}
	from, err := r.read(in)
	if err != nil {
		return out, err
	}
	v := r.newView(l, round)
	resumed := func() (result.Resume, error) { return result.Resume{}, nil }
	if l.resume > 0 && round >= 0 {
		resumed = in.late.comeBack(ctx, r)
	}
	done, err := r.publish(ctx, l, d, v)
	if err != nil {
		_, late := resumed()
		return out, errors.Join(err, late)
	}
	to, err := r.await(ctx, l, done, before, v)
	back, late := resumed()
	if err = errors.Join(err, late); err != nil {
		return out, err
	}
	if l.resume > 0 && round >= 0 {
		if out.Resume = &back; back.Seconds > to.at.Sub(from.at).Seconds() {
			if to, err = r.read(in); err != nil { // their messages' cost is in it to the last
				return out, err
			}
		}
	}
	out.Seconds, out.Records, out.Expected = to.at.Sub(from.at).Seconds(), done.records, done.expected
	out.AckP99MS, out.BehindMS = done.ackP99MS, done.behindMS
	out.CPUMicros = float64((to.cpu - from.cpu).Nanoseconds()) / 1000
	r.shared(&out, in, from, to)
	out.Disturbed = disturbance(out)
	if listens {
		heard, err := in.fleet.End(ctx)
		if err != nil {
			return out, err
		}
		out.Received, out.Bytes, out.Reads = heard.Received, heard.Bytes, heard.Reads
		out.Lost, out.Doubled, out.Reordered = heard.Lost, heard.Doubled, heard.Reordered
		out.BadSeq, out.BadPos = heard.BadSeq, heard.BadPos
		out.Closed, out.Malformed, out.Full = heard.Closed, heard.Malformed, heard.Stalled.Full
		out.LoadBusy, out.LoadWait = heard.Busy, heard.Wait
		at := func(q float64) float64 { return float64(heard.Latency.ValueAtQuantile(q)) / 1000 }
		out.P50MS, out.P90MS, out.P99MS, out.P999MS = at(50), at(90), at(99), at(99.9)
		out.MaxMS = float64(heard.Latency.Max()) / 1000
		if round >= 0 && out.Disturbed == "" {
			l.latency.add(heard.Latency)
			out.SpreadMS = r.lastReads(l, round, heard.Last)
		}
	}
	allocated, err := in.mallocs(ctx)
	if err != nil {
		return out, err
	}
	out.Allocs = allocated - mallocs - asking
	after, err := in.look(ctx)
	if err != nil {
		return out, err
	}
	out.RSS = after.rss
	out.Behind = after.behind
	if !l.out.Baseline {
		out.Busy, out.TurnMaxMS = after.busy, after.longestTurn(before)
	}
	out.Read = int64(after.records - before.records)
	return out, nil
}

// shared notes what others had of the server's cores between two readings. On cores that the load has too, the load's time is
// known and taken off; a broker that is not the run's own cannot be told from others there, and then nothing is said.
func (r *Rig) shared(out *result.Slice, in *instance, from, to reading) {
	if len(in.cores) == 0 {
		return
	}
	cores, known := r.cfg.Server, to.ours-from.ours
	if len(shared(in.cores, r.cfg.Load)) > 0 {
		cores, known = slices.Concat(r.cfg.Server, r.cfg.Load), known+to.loads-from.loads
	}
	wall := to.at.Sub(from.at)
	busy, steal := machine.Between(from.cores, to.cores, cores)
	out.Steal = steal
	if len(cores) > len(r.cfg.Server) && r.broker == nil {
		return
	}
	out.Foreign = max(0, busy-float64(known)/float64(wall)/float64(len(cores)))
}

// loads is the CPU time of all that runs on the load's cores for this run.
func (r *Rig) loads() (time.Duration, error) {
	pids := append(r.Workers(), os.Getpid())
	if r.broker != nil {
		pids = append(pids, r.broker.PID())
	}
	var sum time.Duration
	for _, pid := range pids {
		cpu, err := machine.ProcessCPU(pid)
		if err != nil {
			return sum, err
		}
		sum += cpu
	}
	return sum, nil
}

// publish runs the publisher and looks at the clients meanwhile.
func (r *Rig) publish(ctx context.Context, l *lane, d time.Duration, v *view) (published, error) {
	type outcome struct {
		published
		err error
	}
	finished := make(chan outcome, 1)
	go func() {
		p, err := r.publisher.run(ctx, l, d)
		finished <- outcome{p, err}
	}()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case o := <-finished:
			if o.err == nil && o.failed > 0 {
				o.err = fmt.Errorf("%d of %d records were not taken by the broker", o.failed, o.records)
			}
			return o.published, o.err
		case <-tick.C:
			if err := v.look(ctx); err != nil {
				return (<-finished).published, err
			}
		}
	}
}

// await returns the clocks when every delivery came, or none did for a while.
func (r *Rig) await(ctx context.Context, l *lane, done published, before sight, v *view) (reading, error) {
	if done.expected == 0 || l.in.fleet == nil {
		// Nobody hears of these records; the server says when it has read them, after the clocks were read.
		for until := time.Now().Add(patience); ; {
			time.Sleep(quiet)
			now, err := r.read(l.in)
			if err != nil {
				return now, err
			}
			after, err := l.in.look(ctx)
			if err != nil || int64(after.records-before.records) >= done.records || time.Now().After(until) {
				return now, err
			}
		}
	}
	var last int64
	since, shown := time.Now(), time.Now()
	for {
		c, err := l.in.fleet.Counts(ctx)
		if err != nil || c.Received >= done.expected {
			return r.readAfter(l.in, err)
		}
		if c.Received > last {
			last, since = c.Received, time.Now()
		} else if time.Since(since) > patience || c.Closed > 0 && time.Since(since) > patience/5 {
			return r.readAfter(l.in, nil) // the slice tells what is missing
		}
		if v != nil && time.Since(shown) > look {
			shown = time.Now()
			if err := v.look(ctx); err != nil {
				return reading{}, err
			}
		}
		time.Sleep(poll)
	}
}

func (r *Rig) readAfter(in *instance, err error) (reading, error) {
	if err != nil {
		return reading{}, err
	}
	return r.read(in)
}

// lastReads notes, of records that went to all, when the last client had each, and when a bare consumer did. It returns
// how far apart the consumer had those that were due together, ms, the median of them.
func (r *Rig) lastReads(l *lane, round int, reads map[int64]load.Span) (spread float64) {
	type span struct{ from, to float64 }
	together := map[time.Time]span{}
	for n, at := range reads {
		intended, ok := l.in.intended[n]
		if !ok {
			continue
		}
		b := result.Broadcast{Round: round, Last: ms(time.UnixMicro(at.Last).Sub(intended))}
		if l.in.feed == "" && r.witness != nil {
			had, ok := r.witness.take(l.in.topic, n)
			if !ok {
				continue
			}
			// A client that has it before the consumer shows that the consumer was late.
			b.Kafka = min(ms(had.Sub(intended)), ms(time.UnixMicro(at.First).Sub(intended)))
		}
		l.out.LastMS = append(l.out.LastMS, b)
		s, ok := together[intended]
		if !ok {
			s = span{b.Kafka, b.Kafka}
		}
		together[intended] = span{min(s.from, b.Kafka), max(s.to, b.Kafka)}
	}
	clear(l.in.intended)
	if l.publish.Burst <= 1 || len(together) == 0 {
		return 0
	}
	var spreads []float64
	for _, s := range together {
		spreads = append(spreads, s.to-s.from)
	}
	slices.Sort(spreads)
	return spreads[len(spreads)/2]
}

// disturbance says why a slice does not count, "" when it does.
func disturbance(s result.Slice) string {
	switch {
	case s.Foreign > foreignLimit:
		return fmt.Sprintf("others used %.0f%% of the server's core", 100*s.Foreign)
	case s.Steal > stealLimit:
		return fmt.Sprintf("the hypervisor took %.0f%% of the server's core", 100*s.Steal)
	}
	return ""
}
