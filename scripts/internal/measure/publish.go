package measure

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/produce"
)

// burstLinger is how long the producer gathers where records are to arrive together: a burst must be one batch at the
// broker, or the server gets it in pieces.
const burstLinger = 5

// publisher hands records to Kafka, or to the floor, on an open loop.
type publisher struct {
	single *produce.Publisher // every record at once
	bursts *produce.Publisher // gathers
	floor  map[string]*bufio.Writer
	conns  []net.Conn
	value  []byte
	frame  []byte
	due    atomic.Int64 // deliveries of what was published in this turn so far
}

func newPublisher(brokers string) (*publisher, error) {
	p := &publisher{floor: map[string]*bufio.Writer{}}
	var err error
	if p.single, err = produce.New(produce.Config{Brokers: brokers, Rate: 1}); err != nil {
		return nil, err
	}
	p.bursts, err = produce.New(produce.Config{Brokers: brokers, Rate: 1, Properties: kafka.ConfigMap{"linger.ms": burstLinger}})
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *publisher) close() {
	p.single.Close()
	if p.bursts != nil {
		p.bursts.Close()
	}
	for _, c := range p.conns {
		_ = c.Close() // the floor ends with us
	}
}

// published is what became of a turn's records.
type published struct {
	records  int64
	expected int64 // deliveries
	seconds  float64
	ackP99MS float64
	behindMS float64
	failed   uint64
}

// run publishes to a lane for the given time and returns when the broker has everything.
func (p *publisher) run(ctx context.Context, l *lane, d time.Duration) (published, error) {
	pace := produce.Pace{Rate: l.publish.Rate, Burst: l.publish.Burst, Duration: d}
	var out published
	p.due.Store(0)
	record := func(intended time.Time) (channel int) {
		channel = l.next.Next()
		l.in.counts[channel]++
		if l.in.scenario.Channels == 1 {
			l.in.intended[l.in.counts[channel]] = intended
		}
		p.value = appendValue(p.value[:0], l.in.counts[channel], intended, l.publish.Bytes)
		out.records++
		out.expected += int64(l.in.plan.Subscribers(channel, l.in.connections))
		p.due.Store(out.expected)
		return channel
	}
	if l.in.feed != "" {
		start := time.Now()
		err := pace.Keep(ctx, start, func(intended time.Time) error {
			out.behindMS = max(out.behindMS, ms(time.Since(intended)))
			return p.toFloor(l.in, record(intended), intended)
		})
		out.seconds = time.Since(start).Seconds()
		return out, err
	}
	producer := p.single
	if l.publish.Burst > 1 {
		producer = p.bursts
	}
	summary, err := producer.RunAt(ctx, pace, source(func(intended time.Time) (produce.Record, error) {
		channel := record(intended)
		return produce.Record{Topic: l.in.topic, Partition: kafka.PartitionAny, Key: []byte(l.in.plan.Symbol(channel)), Value: p.value}, nil
	}))
	out.seconds, out.ackP99MS, out.behindMS, out.failed = summary.Seconds, summary.AckMS.P99, summary.BehindMS, summary.Errors
	return out, err
}

// toLate publishes records that only those have who resume, as fast as such go.
func (p *publisher) toLate(ctx context.Context, in *instance, records int) error {
	key := []byte(in.late.plan.Symbol(in.late.plan.LateChannel()))
	pace := produce.Pace{Rate: missedRate, Duration: time.Duration(float64(records) / missedRate * float64(time.Second))}
	summary, err := p.single.RunAt(ctx, pace, source(func(intended time.Time) (produce.Record, error) {
		in.late.n++
		p.value = appendValue(p.value[:0], in.late.n, intended, in.scenario.Publish.Bytes)
		return produce.Record{Topic: in.topic, Partition: kafka.PartitionAny, Key: key, Value: p.value}, nil
	}))
	if err == nil && summary.Errors > 0 {
		err = fmt.Errorf("%d of %d records were not taken by the broker", summary.Errors, records)
	}
	return err
}

type source func(time.Time) (produce.Record, error)

func (s source) Next(intended time.Time) (produce.Record, error) { return s(intended) }

// toFloor sends a record as a whole frame's payload, as large as ws-single's would be.
func (p *publisher) toFloor(in *instance, channel int, intended time.Time) error {
	w := p.floor[in.feed]
	if w == nil {
		conn, err := net.Dial("tcp", in.feed)
		if err != nil {
			return fmt.Errorf("connect to the floor's feed: %w", err)
		}
		p.conns = append(p.conns, conn)
		w = bufio.NewWriter(conn)
		p.floor[in.feed] = w
	}
	name := in.plan.Channel(channel)
	p.frame = append(p.frame[:0], `{"seq":1               ,"type":"message","channel":"`...)
	p.frame = append(p.frame, name...)
	p.frame = append(p.frame, `","pos":"trade/0:1000","ts":`...)
	p.frame = strconv.AppendInt(p.frame, intended.UnixMilli(), 10)
	p.frame = append(p.frame, `,"data":`...)
	p.frame = append(p.frame, p.value...)
	p.frame = append(p.frame, '}')
	var head [6]byte
	binary.BigEndian.PutUint32(head[:], uint32(2+len(name)+len(p.frame)))
	binary.BigEndian.PutUint16(head[4:], uint16(len(name)))
	_, _ = w.Write(head[:]) // Flush tells
	_, _ = w.WriteString(name)
	_, _ = w.Write(p.frame)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("feed the floor: %w", err)
	}
	return nil
}

// appendValue writes a record's value, of exactly size bytes where that is enough for what it says: n, which counts the
// channel's records, and the intended time.
func appendValue(b []byte, n int64, intended time.Time, size int) []byte {
	b = append(b, `{"n":`...)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, `,"sent":`...)
	b = strconv.AppendInt(b, intended.UnixMicro(), 10)
	b = append(b, `,"pad":"`...)
	for len(b) < size-2 {
		b = append(b, 'x')
	}
	return append(b, `"}`...)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
