package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Config says what is read, and how. Names follow the settings KAFKA_*.
type Config struct {
	Brokers []string // host or host:port, to begin with
	Topics  []wire.Topic
	Window  time.Duration // how far back the first read reaches, at least
	MaxRate int           // records/s over all topics; beyond, reading slows. 0: off

	SecurityProtocol               string // librdkafka's security.protocol; "": plaintext
	SASLMechanism                  string
	SASLUsername, SASLPassword     string
	SSLCALocation                  string
	SSLCertificateLocation         string
	SSLKeyLocation, SSLKeyPassword string
	Properties                     map[string]string // straight to librdkafka
}

// Consumer reads every partition of every configured topic.
type Consumer struct {
	cfg      Config
	log      *slog.Logger
	counters *counters

	batches chan *Batch
	free    chan *Batch
	updates chan update       // discovery to reader
	checks  chan []checkpoint // reader to discovery: are these positions still in the log?
	pause   atomic.Bool       // as wanted; counters.paused is as done

	wrap func(client) client // a test's client around the real one; nil: none

	mu      sync.RWMutex // guards what exists only while Run runs
	running context.Context
	cluster *cluster
	waker   *waker
}

// New makes a consumer and checks its configuration, librdkafka's properties
// and the files they name included. It connects to nothing: a broker that is
// down is Run's matter. An error names the setting and what would be right.
func New(cfg Config, log *slog.Logger) (*Consumer, error) {
	if len(cfg.Topics) == 0 {
		return nil, errors.New("KAFKA_TOPICS: no topic is configured")
	}
	if err := checkProperties(cfg); err != nil {
		return nil, err
	}
	return &Consumer{
		cfg:      cfg,
		log:      log,
		counters: newCounters(len(cfg.Topics)),
		batches:  make(chan *Batch, queuedBatches),
		free:     make(chan *Batch, queuedBatches+2), // and one with the loop, one being filled
		updates:  make(chan update, 1),               // discovery puts one down, then wakes the reader
		checks:   make(chan []checkpoint, 1),
	}, nil
}

// Batches is where items come from. It is never closed; its only reader hands
// each batch back by Release.
func (c *Consumer) Batches() <-chan *Batch { return c.batches }

// Run reads until ctx is done and returns when all its goroutines have ended.
// An unreachable broker is no error; there is one only if librdkafka cannot be
// set up at all. Call it once.
func (c *Consumer) Run(ctx context.Context) error {
	waker, err := newWaker()
	if err != nil {
		return err
	}
	defer waker.close()
	cluster, err := newCluster(c.cfg)
	if err != nil {
		return err
	}
	r := newReader(c, waker)
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	c.running, c.cluster, c.waker = ctx, cluster, waker
	c.mu.Unlock()

	var discovering sync.WaitGroup
	discovering.Go(func() { newDiscovery(c, cluster).run(ctx) })
	stop := context.AfterFunc(ctx, waker.wake)
	r.run(ctx)
	cancel()
	stop()
	discovering.Wait()

	c.mu.Lock() // waits for Ends
	c.running, c.cluster, c.waker = nil, nil, nil
	c.mu.Unlock()
	cluster.close()
	return nil
}

// Pause stops fetching, or resumes it where it stopped; nothing is dropped,
// and what was ready already may still come. It returns at once; any
// goroutine may call it.
func (c *Consumer) Pause(on bool) {
	if c.pause.Swap(on) != on {
		c.wake()
	}
}

// Ends returns the end offsets of partitions of one event: the offset that the
// next readable record will have at least. As records are read committed, that
// is the last stable offset: no reader, of this instance or another, has read
// beyond it. It asks the broker, again and again until ctx is done, so any
// goroutine may call it but one that must not wait.
func (c *Consumer) Ends(ctx context.Context, event int, partitions []int32) ([]int64, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.cluster == nil {
		return nil, errors.New("ask for end offsets: the consumer does not run")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.running, cancel)() // Run's end must not wait for the broker
	places := make([]place, len(partitions))
	for i, p := range partitions {
		places[i] = place{c.cfg.Topics[event].Name, p}
	}
	var why error // before the time was up
	for {
		answers, err := c.cluster.offsets(ctx, places, latestCommitted)
		ends := make([]int64, 0, len(places))
		for _, a := range answers {
			if err == nil {
				err = a.err
			}
			ends = append(ends, a.offset)
		}
		if err == nil {
			return ends, nil
		}
		if ctx.Err() == nil || why == nil {
			why = err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask for end offsets of %s: %w", c.cfg.Topics[event].Name, why)
		case <-time.After(retryPause):
		}
	}
}

// wake ends the reader's sleep.
func (c *Consumer) wake() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.waker != nil {
		c.waker.wake()
	}
}
