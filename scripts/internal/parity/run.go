package parity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
)

// Side is one of the two servers.
type Side struct {
	Name string // the variant: "ws-single"
	URL  string // ws://host:port/ws
}

// Options say what is compared, and how long.
type Options struct {
	Brokers string
	Topics  []wire.Topic // what both servers read
	Sides   [2]Side
	Watches []Watch // what clients ask for; nil: by event, by symbol, one by one, and all at once

	For     time.Duration   // how long records are published and clients moved
	Enough  <-chan struct{} // closed: For is over; may be nil
	Rate    float64         // records a second that are published; 0: none, others do
	Plain   bool            // without transactions beside them
	Symbols int             // how many symbols the records have; 0: 40
	Prefix  string          // of the symbols, on topics that others use
	Moving  int             // clients that are cut and moved
	Stay    time.Duration   // about how long one of these stays; 0: 3 s

	LateLimit time.Duration // a record that comes so much later from one than from the other is late; 0: never
	Settle    time.Duration // how long clients may take to come to the end; 0: 60 s
	Seed      uint64        // draws the records and the moves; 0: by chance
	Log       func(string)  // hears what is going on; may be nil
}

// run is one comparison.
type run struct {
	o        Options
	began    time.Time
	channels *channels
	found    *findings
	late     *lateness
	log      *log
	load     *load // nil: others publish
	members  []*member
	settling chan struct{} // closed when the end of the log is known
	servers  [2]answer     // the welcomes
}

// Run subscribes to both servers side by side, publishes, cuts and moves clients, and compares what each client got with the log.
//
// It fails where nothing could be compared: no broker, servers that read different logs or do not answer, ctx done. That the
// servers differ is no error; the report says it. The report names no tree: whoever started the servers knows what they are of.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if o.Symbols == 0 {
		o.Symbols = 40
	}
	if o.Stay == 0 {
		o.Stay = 3 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = time.Minute
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1<<32) + 1
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	r := &run{
		o: o, began: time.Now(), found: newFindings([2]string{o.Sides[0].Name, o.Sides[1].Name}),
		late: newLateness(o.LateLimit), settling: make(chan struct{}),
	}
	var symbols []string
	if o.Rate > 0 {
		if r.load, err = newLoad(o.Topics, o.Prefix, o.Symbols, o.Seed); err != nil {
			return nil, err
		}
		symbols = r.load.symbols()
	}
	if len(o.Watches) == 0 {
		o.Watches = watches(o.Topics, symbols)
		r.o.Watches = o.Watches
	}
	if r.channels, err = newChannels(o.Watches); err != nil {
		return nil, err
	}
	soon, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if r.log, err = openLog(soon, o.Brokers, o.Topics, r.channels, r.found, r.late); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.log.close()) }()
	start, err := r.ask(soon)
	if err != nil {
		return nil, err
	}
	r.gather(start)
	if err := r.compare(ctx); err != nil {
		return nil, err
	}
	return r.report(), nil
}

// ask asks both servers which logs they read, and returns the cursor of the log's ends.
func (r *run) ask(ctx context.Context) (wire.Cursor, error) {
	var cursors [2]wire.Cursor
	for i, side := range r.o.Sides {
		var err error
		if cursors[i], r.servers[i], err = logsOf(ctx, side.URL, watches(r.o.Topics, nil)[0].Patterns); err != nil {
			return nil, fmt.Errorf("%s: %w", side.Name, err)
		}
		if r.servers[i].Server != side.Name {
			return nil, fmt.Errorf("the server at %s says that it is %s, and not %s", side.URL, r.servers[i].Server, side.Name)
		}
	}
	start := wire.Cursor{}
	for event, partitions := range r.log.partitions {
		name := cursors[0][event].Log
		if name != cursors[1][event].Log {
			return nil, fmt.Errorf("the servers read different logs of %s, %q and %q: give both the same KAFKA_BROKERS and KAFKA_TOPICS (P14.1)",
				event, name, cursors[1][event].Log)
		}
		at := make([]int64, len(partitions))
		for i, p := range partitions {
			at[i] = p.start - 1
		}
		start[event] = wire.Position{Log: name, At: at}
	}
	return start, nil
}

// logsOf subscribes once, to hear the names of the logs.
func logsOf(ctx context.Context, url string, patterns []string) (wire.Cursor, answer, error) {
	for {
		socket, welcome, err := dial(ctx, url)
		if err != nil {
			return nil, welcome, err
		}
		c, err := open(socket, patterns, nil, func([]byte, *client) {}, func(wire.Cursor) {}, func(string) {})
		if err != nil {
			return nil, welcome, err
		}
		select {
		case <-c.acked:
		case <-c.done:
		case <-ctx.Done():
		}
		refused, _ := c.answered()
		cursor, _ := c.place()
		c.leave()
		switch {
		case refused != nil:
			return nil, welcome, fmt.Errorf("subscribe to %v: %s: %s", patterns, refused.Code, refused.Message)
		case len(cursor) == len(patterns) && !slices.ContainsFunc(slices.Collect(maps.Values(cursor)), func(p wire.Position) bool { return p.Log == "" }):
			return cursor, welcome, nil
		}
		// A topic that has just been made is not known at once.
		select {
		case <-ctx.Done():
			return nil, welcome, fmt.Errorf("it does not know all topics of %v: %w", patterns, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// gather makes the members and gives them their seats: for each watch one that is steady on each side, and those that move.
func (r *run) gather(start wire.Cursor) {
	for watch, w := range r.o.Watches {
		a := r.member(fmt.Sprintf("%s, steady on %s", w.Name, r.o.Sides[0].Name), watch, 0, start, false)
		b := r.member(fmt.Sprintf("%s, steady on %s", w.Name, r.o.Sides[1].Name), watch, 1, start, false)
		for event, seats := range a.seats {
			for n, s := range seats {
				together(s, b.seats[event][n])
			}
		}
	}
	for i := range r.o.Moving {
		watch := i % len(r.o.Watches)
		r.member(fmt.Sprintf("%s, moving %d", r.o.Watches[watch].Name, i+1), watch, i/len(r.o.Watches)%2, start, true)
	}
}

func (r *run) member(name string, watch, side int, start wire.Cursor, moves bool) *member {
	m := &member{
		run: r, name: name, watch: watch, patterns: r.o.Watches[watch].Patterns, moves: moves, side: side, start: wire.Cursor{},
		seats: map[string][]*seat{}, rng: rand.New(rand.NewPCG(r.o.Seed, uint64(len(r.members)+2))),
	}
	for _, event := range eventsOf(m.patterns, r.o.Topics) {
		m.start[event] = start[event]
		for _, p := range r.log.partitions[event] {
			m.seats[event] = append(m.seats[event], p.seat(m, watch, side))
		}
	}
	r.members = append(r.members, m)
	return m
}

// compare runs all of it. When it returns nothing runs any more.
func (r *run) compare(ctx context.Context) (err error) {
	ctx, fail := context.WithCancelCause(ctx)
	var reader, clients sync.WaitGroup
	living, leave := context.WithCancel(ctx)
	reading, stop := context.WithCancel(ctx)
	defer func() {
		leave()
		for _, p := range r.log.all() {
			p.close() // a client may wait for the log
		}
		clients.Wait()
		stop()
		reader.Wait()
		fail(nil)
		for _, p := range r.log.all() {
			p.finish()
		}
	}()
	reader.Go(func() {
		if err := r.log.read(reading); err != nil {
			fail(err)
		}
	})
	for _, m := range r.members {
		clients.Go(func() { m.live(living) })
	}
	if err := r.await(ctx, 45*time.Second, func(m *member) bool { return m.subbed }, "is not subscribed"); err != nil {
		return err
	}
	r.o.Log(fmt.Sprintf("%d clients are subscribed; comparing for %v", len(r.members), r.o.For))
	if err := r.publish(ctx); err != nil {
		return err
	}
	ending, cancel := context.WithTimeout(ctx, r.o.Settle)
	defer cancel()
	if err := errors.Join(r.log.stop(ending), r.log.awaitEnd(ending)); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	r.o.Log("the log is read to its end; waiting for the clients to come there")
	close(r.settling)
	done := make(chan struct{})
	var waits sync.WaitGroup
	waits.Go(func() { clients.Wait(); close(done) })
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(r.o.Settle):
	}
	for _, m := range r.members {
		m.note(func() {
			if !m.came {
				r.found.complain(fmt.Sprintf("%s, %s: it has not come to the end of the log within %v; %s", r.o.Sides[m.side].Name, m.name, r.o.Settle, m.last))
			}
		})
	}
	leave()
	for _, p := range r.log.all() {
		p.close()
	}
	waits.Wait()
	return context.Cause(ctx)
}

// await waits until something holds of every member.
func (r *run) await(ctx context.Context, patience time.Duration, ok func(*member) bool, isNot string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; {
		var missing *member
		why := ""
		for _, m := range r.members {
			m.note(func() {
				if missing == nil && !ok(m) {
					missing, why = m, m.last
				}
			})
		}
		if missing == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the client %q %s after %v: %s", missing.name, isNot, patience, why)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// publish publishes, or lets others, until the time is over.
func (r *run) publish(ctx context.Context) error {
	if r.load == nil {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.o.Enough:
		case <-time.After(r.o.For):
		}
		return nil
	}
	p, err := produce.New(produce.Config{Brokers: r.o.Brokers, Rate: r.o.Rate})
	if err != nil {
		return err
	}
	defer p.Close()
	publishing, enough := context.WithCancel(ctx)
	defer enough()
	var beside sync.WaitGroup
	beside.Go(func() {
		select {
		case <-publishing.Done():
		case <-r.o.Enough:
			enough()
		}
	})
	var transacted error
	if !r.o.Plain {
		beside.Go(func() {
			if transacted = r.load.transact(publishing, r.o.Brokers); transacted != nil {
				enough()
			}
		})
	}
	summary, err := p.RunAt(publishing, produce.Pace{Rate: r.o.Rate, Duration: r.o.For}, r.load)
	enough()
	beside.Wait()
	switch {
	case transacted != nil:
		return transacted
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("publish: %w", err)
	case summary.Acked == 0:
		return fmt.Errorf("publish: the broker took none of %d records: %v", summary.Sent, summary.Reasons)
	}
	return nil
}
