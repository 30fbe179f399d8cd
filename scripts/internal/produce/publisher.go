package produce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Record is one record to publish. Its slices are copied before the next one is asked for.
type Record struct {
	Topic     string
	Event     string // for the counts of the summary; need not be set
	Partition int32  // kafka.PartitionAny: by the key
	Key       []byte // nil: no key
	Value     []byte // nil: a tombstone
	Headers   []kafka.Header
	Timestamp time.Time // zero: when it is handed to the producer
}

// Source gives the records in order. intended is when the record is due. io.EOF ends the run without an error.
type Source interface {
	Next(intended time.Time) (Record, error)
}

// Config says where and how fast.
type Config struct {
	Brokers    string
	Properties kafka.ConfigMap // more librdkafka properties; they win over this package's
	Rate       float64         // records a second, above 0
	Duration   time.Duration   // 0: until the source ends or the context is done
	// FlushTimeout bounds the wait for acknowledgements after the last record; 0 means 30 s.
	FlushTimeout time.Duration
}

// Progress is a moment of a run.
type Progress struct {
	Elapsed time.Duration
	Sent    uint64        // handed to the producer
	Acked   uint64        // acknowledged by the broker
	Errors  uint64        // given up by the producer
	Behind  time.Duration // how late the last record was handed over
	Last    string        // the last error, of a record or of the connection to the broker
}

// Summary is the whole run, in the form scripts/publish prints.
type Summary struct {
	Sent        uint64            `json:"sent"`
	Acked       uint64            `json:"acked"`
	Errors      uint64            `json:"errors"`
	Reasons     map[string]uint64 `json:"error_reasons,omitempty"`
	Seconds     float64           `json:"seconds"`
	Rate        float64           `json:"rate"`
	TargetRate  float64           `json:"target_rate"`
	AckMS       Latencies         `json:"ack_ms"`
	BehindMS    float64           `json:"behind_ms_max"`
	Events      map[string]uint64 `json:"events"`
	Interrupted bool              `json:"interrupted"`
}

// Latencies are milliseconds from a record's intended time to its acknowledgement.
type Latencies struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Publisher runs as often as it is told, one run at a time.
type Publisher struct {
	cfg      Config
	producer *kafka.Producer
	stop     chan struct{} // closed by Close: the reports goroutine ends
	reports  sync.WaitGroup

	mu        sync.Mutex // guards what follows
	start     time.Time
	sent      uint64
	acked     uint64
	failed    uint64
	behind    time.Duration
	maxBehind time.Duration
	last      string
	fatal     error
	reasons   map[string]uint64
	events    map[string]uint64
	acks      *hdrhistogram.Histogram
}

// New makes the producer. It does not wait for a broker; an error is a wrong configuration.
func New(cfg Config) (*Publisher, error) {
	if !(cfg.Rate > 0) {
		return nil, fmt.Errorf("rate %v: must be above 0", cfg.Rate)
	}
	if cfg.FlushTimeout == 0 {
		cfg.FlushTimeout = 30 * time.Second
	}
	properties := kafka.ConfigMap{
		"bootstrap.servers":            cfg.Brokers,
		"enable.idempotence":           true,
		"acks":                         "all",
		"linger.ms":                    0,
		"partitioner":                  "murmur2_random", // the same partition that a Java producer would choose
		"queue.buffering.max.messages": 1_000_000,
		"queue.buffering.max.kbytes":   512 << 10,
		"go.delivery.report.fields":    "none",
		"log_level":                    0, // what goes wrong comes as an event too, and is shown once
	}
	for name, v := range cfg.Properties {
		properties[name] = v
	}
	p, err := kafka.NewProducer(&properties)
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	pub := &Publisher{
		cfg: cfg, producer: p, stop: make(chan struct{}),
		// A microsecond to an hour, three digits.
		acks: hdrhistogram.New(1, time.Hour.Microseconds(), 3),
	}
	pub.reports.Go(pub.takeReports)
	return pub, nil
}

// Close frees the producer; no Run may be going on. Records not yet acknowledged are lost.
func (p *Publisher) Close() {
	close(p.stop)
	p.reports.Wait()
	_ = p.producer.Purge(kafka.PurgeInFlight | kafka.PurgeQueue)
	p.producer.Close()
}

// Run publishes at the configured rate until the source ends, the duration is over or ctx is done; see RunAt.
func (p *Publisher) Run(ctx context.Context, source Source) (Summary, error) {
	return p.RunAt(ctx, Pace{Rate: p.cfg.Rate, Duration: p.cfg.Duration}, source)
}

// RunAt publishes until the source ends, the pace does or ctx is done, then waits for the acknowledgements. The error
// says why it ended early: what the source said, or that the producer cannot go on. Errors of single records are in the
// summary only. It may be called again when it has returned: counts begin anew, the connections stay.
func (p *Publisher) RunAt(ctx context.Context, pace Pace, source Source) (Summary, error) {
	if !(pace.Rate > 0) {
		return Summary{}, fmt.Errorf("rate %v: must be above 0", pace.Rate)
	}
	start := time.Now()
	p.begin(start)
	err := pace.Keep(ctx, start, func(intended time.Time) error {
		r, err := source.Next(intended)
		if err != nil {
			return err
		}
		return p.hand(ctx, r, intended)
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	took := time.Since(start)
	p.settle()
	return p.summary(took, pace.Rate, ctx.Err() != nil), err
}

func (p *Publisher) begin(start time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start = start
	p.sent, p.acked, p.failed = 0, 0, 0
	p.behind, p.maxBehind = 0, 0
	p.reasons, p.events = map[string]uint64{}, map[string]uint64{}
	p.acks.Reset()
}

// hand gives one record to the producer; while its queue is full the schedule waits.
func (p *Publisher) hand(ctx context.Context, r Record, intended time.Time) error {
	m := kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &r.Topic, Partition: r.Partition},
		Key:            r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
		Opaque: intended,
	}
	for {
		err := p.producer.Produce(&m, nil)
		late := time.Since(intended)
		p.mu.Lock()
		p.behind = late
		p.maxBehind = max(p.maxBehind, late)
		fatal := p.fatal
		var ke kafka.Error
		full := errors.As(err, &ke) && ke.Code() == kafka.ErrQueueFull
		if fatal == nil && !full {
			p.sent++
			p.events[r.Event]++
			if err != nil { // no such partition, too big: this record's own fault
				p.failed++
				p.last = err.Error()
				p.reasons[err.Error()]++
			}
		}
		p.mu.Unlock()
		if fatal != nil || !full {
			return fatal
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Millisecond):
		}
	}
}

// takeReports is the goroutine that counts acknowledgements and keeps the last error.
func (p *Publisher) takeReports() {
	for {
		select {
		case <-p.stop:
			return
		case ev := <-p.producer.Events():
			now := time.Now()
			p.mu.Lock()
			switch e := ev.(type) {
			case *kafka.Message:
				if e.Opaque.(time.Time).Before(p.start) {
					break // of a run that gave up waiting
				}
				if err := e.TopicPartition.Error; err != nil {
					p.failed++
					p.last = err.Error()
					p.reasons[err.Error()]++
				} else {
					p.acked++
					took := now.Sub(e.Opaque.(time.Time)).Microseconds()
					_ = p.acks.RecordValue(min(max(took, 1), p.acks.HighestTrackableValue()))
				}
			case kafka.Error:
				// That all brokers are down follows the error that says why one is.
				if e.Code() != kafka.ErrAllBrokersDown || p.last == "" {
					p.last = e.Error()
				}
				if e.IsFatal() {
					p.fatal = fmt.Errorf("producer cannot go on: %w", e)
				}
			}
			p.mu.Unlock()
		}
	}
}

// settle waits until every record is acknowledged or given up, at most FlushTimeout.
func (p *Publisher) settle() {
	deadline := time.Now().Add(p.cfg.FlushTimeout)
	for time.Now().Before(deadline) {
		p.mu.Lock()
		open := p.sent - p.acked - p.failed
		p.mu.Unlock()
		if open == 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Progress returns the present moment. Any goroutine may call it.
func (p *Publisher) Progress() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := Progress{Sent: p.sent, Acked: p.acked, Errors: p.failed, Behind: p.behind, Last: p.last}
	if !p.start.IsZero() {
		g.Elapsed = time.Since(p.start)
	}
	return g
}

func (p *Publisher) summary(took time.Duration, rate float64, interrupted bool) Summary {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open := p.sent - p.acked - p.failed; open > 0 {
		p.failed += open
		reason := fmt.Sprintf("not acknowledged within %v", p.cfg.FlushTimeout)
		p.reasons[reason] += open
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Summary{
		Sent: p.sent, Acked: p.acked, Errors: p.failed, Reasons: p.reasons,
		Seconds: took.Seconds(), Rate: float64(p.sent) / max(took.Seconds(), 1e-9), TargetRate: rate,
		AckMS:    Latencies{P50: ms(p.acks.ValueAtQuantile(50)), P99: ms(p.acks.ValueAtQuantile(99)), Max: ms(p.acks.Max())},
		BehindMS: float64(p.maxBehind.Microseconds()) / 1000,
		Events:   p.events, Interrupted: interrupted,
	}
}
