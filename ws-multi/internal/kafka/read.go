package kafka

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

const (
	flushRecords = 1024
	flushBytes   = 256 << 10

	// reopenEvery parts the openings of two clients.
	reopenEvery = time.Second
	// burst is how much time's worth of MaxRate may come at once.
	burst = 50 * time.Millisecond
)

// reader is what the goroutine of Run works with. All of it is that goroutine's
// but the part that it shares with discovery.
type reader struct {
	log      *slog.Logger
	rarely   rarely
	counters *counters
	cfg      Config
	to       Sink
	wanted   func() bool // whether reading is to be held
	dial     func(*reader) (client, error)

	client client // nil: to be opened, at the positions of topics
	opened time.Time
	topics []*topic // by event
	byName map[string]*topic
	pushed Record // used again for each
	pace   pace
	limit  *rate.Limiter // nil: none
	atOnce int           // records in one take

	ctx                       context.Context // Run's, for Flush
	unflushed, unflushedBytes int
	failed                    error // of Flush

	surveyed bool      // what Loaded waits for is all known
	complete time.Time // Surveyed, once what was found is flushed; zero: it is known
	waiting  int       // partitions that have not come to their until
	loaded   bool      // told

	asked    uint64              // number of the latest doubt
	doubtful map[*partition]bool // to be asked about
	held     uint64              // nothing is read until this doubt is looked into; 0: no

	// Shared with discovery.
	alarm    *alarm
	findings mailbox[finding]
	doubts   mailbox[doubt]
	doubted  chan struct{} // there is a doubt
}

func newReader(ctx context.Context, c *Consumer, a *alarm, to Sink) *reader {
	r := &reader{
		log: c.log, rarely: newRarely(c.log), counters: c.counters, cfg: c.cfg, to: to,
		ctx: ctx, wanted: c.pause.Load, dial: c.dial, alarm: a,
		byName: map[string]*topic{}, atOnce: run,
		doubtful: map[*partition]bool{}, doubted: make(chan struct{}, 1),
	}
	for i, configured := range c.cfg.Topics {
		t := &topic{event: i, name: configured.Name}
		r.topics = append(r.topics, t)
		r.byName[t.name] = t
	}
	if c.cfg.MaxRate > 0 {
		most := max(1, int(float64(c.cfg.MaxRate)*burst.Seconds()))
		r.limit = rate.NewLimiter(rate.Limit(c.cfg.MaxRate), most)
		r.atOnce = min(r.atOnce, most)
	}
	return r
}

// run reads until its context is done, or the sink has an error.
func (r *reader) run() error {
	ctx := r.ctx
	defer r.reopen()
	read := 0 // since the last sleep
	for ctx.Err() == nil {
		for _, f := range r.findings.take() {
			r.find(f)
		}
		r.voice()
		r.open()
		records, more := r.pump()
		read += records
		if !r.loaded && r.surveyed && r.waiting == 0 {
			r.loaded = true
			r.to.Loaded()
		}
		var slow time.Duration
		if r.limit != nil && records > 0 {
			slow = r.limit.ReserveN(time.Now(), records).Delay()
		}
		if !more || slow > 0 {
			r.flush()
		}
		switch {
		case r.failed != nil && ctx.Err() == nil:
			return r.failed
		case slow > 0:
			wait(ctx, slow)
		case !more:
			r.sleep(read)
			read = 0
		}
	}
	return nil
}

func (r *reader) flush() {
	r.unflushed, r.unflushedBytes = 0, 0
	r.failed = errors.Join(r.failed, r.to.Flush(r.ctx))
	if at := r.complete; !at.IsZero() {
		r.counters.surveyed.Store(&at)
		r.complete = time.Time{}
	}
}

// sleep waits for more, after read records since the last time.
func (r *reader) sleep(read int) {
	if r.pace.after(read, time.Now()) {
		time.Sleep(doze)
		return
	}
	var until time.Time
	if r.client == nil && r.held == 0 {
		until = r.opened.Add(reopenEvery)
	}
	for p := range r.doubtful { // the time for it has not come
		if due := p.asked.Add(doubtEvery); until.IsZero() || due.Before(until) {
			until = due
		}
	}
	r.alarm.sleep(until)
}

// pump takes what is ready and pushes it. more: there is more.
func (r *reader) pump() (records int, more bool) {
	paused := r.wanted()
	r.counters.paused.Store(paused)
	if r.client == nil {
		return 0, false
	}
	events, more := r.client.take(r.atOnce, !paused)
	if r.strange() {
		return 0, false // what was taken may be of another log
	}
	for i := range events {
		if r.client == nil {
			return records, false // what is left is void
		}
		switch e := &events[i]; e.kind {
		case isRecord:
			r.record(e)
			records++
		case isEnd:
			r.ended(e)
		case isFault:
			r.fault(e)
		}
	}
	return records, more
}

// open makes sure that there is a client, unless it is not time for one.
func (r *reader) open() {
	if r.client != nil || r.held > 0 || time.Since(r.opened) < reopenEvery {
		return
	}
	r.opened = time.Now()
	c, err := r.dial(r)
	if err == nil {
		r.client = c
		err = c.add(r.read())
	}
	r.must("open a client", err)
}

func dialNative(r *reader) (client, error) {
	show := func(line string) { r.log.Info("librdkafka's own log", "line", line) }
	return newNative(readerProperties(r.cfg), r.byName, r.alarm.fd, logLevel(r.cfg), show)
}

// reopen has reading go on with another client, at the positions it has come to.
// Everything that the present one has fetched goes with it.
func (r *reader) reopen() {
	if r.client != nil {
		r.client.close()
		r.client = nil
	}
	clear(r.doubtful) // another client finds the same, if it still is so
}

// must reopens after a failure of the client's.
func (r *reader) must(what string, err error) {
	if err != nil {
		r.rarely.warn(what, "Kafka's client failed; opening another where this one was", "doing", what, "error", err)
		r.reopen()
	}
}
