package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Config says what is read and how; each field is a setting KAFKA_*.
type Config struct {
	Brokers []string     // to begin with, host:port or host
	Topics  []wire.Topic // an event's number is its index here
	Window  time.Duration
	MaxRate int // records/s over everything; 0: as fast as they come

	// The empty string leaves librdkafka's default.
	SecurityProtocol       string
	SASLMechanism          string
	SASLUsername           string
	SASLPassword           string
	SSLCALocation          string
	SSLCertificateLocation string
	SSLKeyLocation         string
	SSLKeyPassword         string

	Properties map[string]string // for librdkafka as they are
}

// Sink takes what is read, in order, from the one goroutine of Run. A call may
// block, which holds reading back; when Run's context is done it must return.
//
// For a partition Started comes first, and then, by ascending offset, Record,
// Passed and Lost, until Remade of its event ends it.
type Sink interface {
	// Opened: the event's topic exists, and this is its log's name.
	Opened(event int, log string)
	// Started: the partition is read from offset on.
	Started(event int, partition int32, offset int64)
	// Record: r and its bytes are valid during the call only.
	Record(r *Record)
	// Passed: offset, and all before it, passed without a message.
	Passed(event int, partition int32, offset int64)
	// Lost: the log lost offsets from to to, both inclusive, before they were
	// read, or they were read and cut off after. Reading goes on at next.
	Lost(event int, partition int32, from, to, next int64)
	// Remade: the topic was made anew. Its partitions follow as Started.
	Remade(event int, log string)
	// Loaded comes once: every partition that was there at the start was read
	// to the end it had then.
	Loaded()
	// Flush: everything that was ready has been pushed, or a good part of it.
	// It comes before each sleep, and after 1,024 records or 256 KiB of values
	// at the latest. An error ends Run.
	Flush(ctx context.Context) error
}

// Record is one that has a channel to go to.
type Record struct {
	Event     int
	Partition int32
	Offset    int64
	Timestamp int64 // Unix milliseconds; -1: none
	Tombstone bool
	Symbol    []byte // wire.ValidSymbol holds
	Value     []byte // nil: a tombstone; empty is not nil
}

// Consumer reads every partition of every configured topic.
type Consumer struct {
	cfg      Config
	log      *slog.Logger
	counters *counters
	pause    atomic.Bool // as wanted; counters.paused is as it is

	dial func(*reader) (client, error) // a test's, or dialNative

	mu   sync.Mutex
	live *live // nil while Run does not run
}

// live is what lasts as long as Run.
type live struct {
	ctx       context.Context
	alarm     *alarm
	directory *directory
	users     sync.WaitGroup // other goroutines that use it; Run waits for them
}

// New checks the configuration, with librdkafka's own judgement of its properties
// and of the files that they name, and connects to nothing: a broker that is down
// is not this function's matter. Its errors name the setting and say what would
// be right.
func New(cfg Config, log *slog.Logger) (*Consumer, error) {
	if len(cfg.Topics) == 0 {
		return nil, errors.New("KAFKA_TOPICS: no topic; name at least one, such as odin.trades=trade")
	}
	if err := checkProperties(cfg); err != nil {
		return nil, err
	}
	return &Consumer{cfg: cfg, log: log, counters: newCounters(len(cfg.Topics)), dial: dialNative}, nil
}

// Run reads into to until ctx is done, and then returns nil when everything it
// started has ended. That no broker answers is not an error. Call it once.
func (c *Consumer) Run(ctx context.Context, to Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm, err := newAlarm()
	if err != nil {
		return err
	}
	defer alarm.close()
	dir, err := newDirectory(c.cfg)
	if err != nil {
		return err
	}
	defer dir.close()
	l := &live{ctx: ctx, alarm: alarm, directory: dir}
	c.mu.Lock()
	c.live = l
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.live = nil
		c.mu.Unlock()
		l.users.Wait()
	}()

	r := newReader(ctx, c, alarm, to)
	d := newDiscovery(c, dir, r)
	l.users.Go(func() { d.run(ctx) })
	defer context.AfterFunc(ctx, alarm.ring)()
	err = r.run()
	cancel()
	return err
}

// use gives what Run has at work, and what to call when done with it; nil while
// Run does not run.
func (c *Consumer) use() (l *live, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		return nil, nil
	}
	c.live.users.Add(1)
	return c.live, c.live.users.Done
}

// Pause holds reading, or goes on where it was held: nothing is dropped. librdkafka
// goes on fetching until its queue of QueueBytes is full. It returns at once; any
// goroutine may call it.
func (c *Consumer) Pause(on bool) {
	if c.pause.Swap(on) == on {
		return
	}
	if l, done := c.use(); l != nil {
		l.alarm.ring()
		done()
	}
}

// Ends asks where the log of an event's partitions ends: for each the offset that
// the next record to be read will have at least. Records being read committed,
// that is the last stable offset, and no reader anywhere has read beyond it. Where
// nobody answers for one of several it is math.MaxInt64. It waits for a broker,
// asking again and again, until ctx is done or Run ends, of which ctx has to leave
// half a second for an answer; any goroutine may call it.
func (c *Consumer) Ends(ctx context.Context, event int, partitions []int32) ([]int64, error) {
	name := c.cfg.Topics[event].Name
	l, done := c.use()
	if l == nil {
		return nil, fmt.Errorf("ask where %s ends: the consumer does not run", name)
	}
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()

	places := make([]place, 0, len(partitions))
	for _, p := range partitions {
		places = append(places, place{name, p})
	}
	var last error // what a broker said, rather than that time was up
	for {
		ends, err := l.directory.ask(ctx, places, stableEnd)
		if err == nil && (len(places) == 0 || ends.any()) {
			return ends.values(), nil
		}
		if err == nil {
			err = ends.failure()
		}
		if last == nil || ctx.Err() == nil && !errors.Is(err, errLate) {
			last = err
		}
		if !wait(ctx, askAgain) {
			return nil, fmt.Errorf("ask where %s ends: %w", name, last)
		}
	}
}

// wait returns after d, or false when ctx is done first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
