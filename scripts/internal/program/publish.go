package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// publisher does the steps of pub or txn.
type publisher struct {
	w      *World
	prefix string // of the program's symbols
}

func (p *publisher) do(ctx context.Context, s Step) error {
	if s.Do == Trim {
		return p.trim(ctx, s.Event)
	}
	if err := p.write(ctx, s); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrBroker, err)
	}
	return nil
}

func (p *publisher) write(ctx context.Context, s Step) error {
	if s.Do == Transact {
		return p.transact(ctx, s)
	}
	written, err := p.produce(ctx, p.w.producer, s)
	if err == nil {
		p.note(s.Event, written, true)
	}
	return err
}

// odd are JSON texts that a server must bring as they are.
var odd = []string{
	` { "n" : %d } `, "\t[%d,\n-0.0e+5,\"\\u00e9\\ud83d\\ude00\"]\r\n", `%d`, `"%d é 😀 \"\\/"`, `{"n":%d,"n":2}`, `[%d,1e400,123456789012345678901234567890]`,
	strings.Repeat("[", 127) + "%d" + strings.Repeat("]", 127),
}

// raw are values that are no JSON, or not such as the protocol takes for it (P5.2).
var raw = []string{
	"\x00\xff\xfe%d", "{'n':%d}", "\xef\xbb\xbf{\"n\":%d}", "\"\xc3\x28 %d\"", "%d,", "[%d", "0%d", strings.Repeat("[", 129) + "%d" + strings.Repeat("]", 129), "NaN%d",
}

// record makes the n-th of a step's records, i the number it has in the world.
func (p *publisher) record(s Step, n, i int) (Record, *kafka.Message) {
	symbol := s.Symbol
	if symbol == "" {
		symbol = symbols[n%len(symbols)]
	}
	r := Record{Symbol: p.prefix + symbol, Text: true, TS: time.Now().UnixMilli() - int64(i%3)}
	switch s.Kind {
	case Tombstone:
	case Odd:
		r.Value = fmt.Appendf(nil, odd[i%len(odd)], i)
	case Raw:
		r.Text = false
		if i%(len(raw)+1) == 0 {
			r.Value = []byte{}
		} else {
			r.Value = fmt.Appendf(nil, raw[i%(len(raw)+1)-1], i)
		}
	default:
		r.Value = fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, i, strings.Repeat("x", s.Size))
	}
	topic := p.w.topics[s.Event]
	m := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Key:            []byte(r.Symbol), Value: r.Value, Timestamp: time.UnixMilli(r.TS),
	}
	switch s.Kind {
	case Spread:
		m.Key = fmt.Appendf(nil, "%s.%d", r.Symbol, i)
		m.Headers = []kafka.Header{{Key: "symbol", Value: []byte("not this one")}, {Key: "symbol", Value: []byte(r.Symbol)}}
	case NoSymbol:
		// A compacted topic takes no record without a key.
		if m.Key = []byte(r.Symbol + ".x"); i%2 == 0 && s.Event != "state" {
			m.Key = nil
		}
		r.Symbol = ""
	}
	return r, m
}

// note takes note of records that were written.
func (p *publisher) note(event string, written map[int32][]Record, committed bool) {
	for part, records := range written {
		for i := range records {
			records[i].Aborted = !committed
		}
		p.w.wrote(event, part, records...)
	}
}

// produce writes a step's records and returns them by partition, when the broker has them all.
func (p *publisher) produce(ctx context.Context, producer *kafka.Producer, s Step) (map[int32][]Record, error) {
	reports := make(chan kafka.Event, s.N)
	first := p.w.number(s.N)
	for n := range s.N {
		r, m := p.record(s, n, first+n)
		r.At = p.w.clock()
		m.Opaque = r
		for {
			err := producer.Produce(m, reports)
			if err == nil {
				break
			}
			var full kafka.Error
			if !errors.As(err, &full) || full.Code() != kafka.ErrQueueFull {
				return nil, fmt.Errorf("publish: %w", err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	written := map[int32][]Record{}
	timeout := time.After(patience)
	for have := range s.N {
		select {
		case e := <-reports:
			m, ok := e.(*kafka.Message)
			if !ok {
				return nil, fmt.Errorf("publish: %v", e)
			}
			if m.TopicPartition.Error != nil {
				return nil, fmt.Errorf("publish: %w", m.TopicPartition.Error)
			}
			r, _ := m.Opaque.(Record)
			r.Offset = int64(m.TopicPartition.Offset)
			written[m.TopicPartition.Partition] = append(written[m.TopicPartition.Partition], r)
		case <-timeout:
			return nil, fmt.Errorf("publish: %d of %d records after %v", have, s.N, patience)
		case <-ctx.Done():
			return nil, fmt.Errorf("publish: %w", ctx.Err())
		}
	}
	return written, nil
}

// transact publishes in a transaction. Meanwhile others write to the same partitions, and nothing behind its first record
// can be read.
func (p *publisher) transact(ctx context.Context, s Step) error {
	var txn *kafka.Producer
	select {
	case txn = <-p.w.txns:
	case <-ctx.Done():
		return fmt.Errorf("wait for a transaction: %w", ctx.Err())
	}
	defer func() { p.w.txns <- txn }()
	if err := txn.BeginTransaction(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	// It must end, also when the program is given up: it holds up all that is behind it.
	end := context.WithoutCancel(ctx)
	written, err := p.produce(end, txn, s)
	if err != nil {
		return errors.Join(err, txn.AbortTransaction(end))
	}
	sleep(ctx, time.Duration(s.MS)*time.Millisecond)
	if s.Commit {
		err = txn.CommitTransaction(end)
	} else {
		err = txn.AbortTransaction(end)
	}
	if err != nil {
		return fmt.Errorf("end transaction: %w", err)
	}
	p.note(s.Event, written, s.Commit)
	return nil
}

// trim deletes of the event what both servers have read, once that is all of the program's. No client may notice.
func (p *publisher) trim(ctx context.Context, event string) error {
	target := p.w.target(p.prefix)[event]
	before := make([]int64, len(target))
	for i, server := range p.w.servers {
		read, err := p.read(ctx, server, event, target)
		if err != nil {
			return fmt.Errorf("see how far %s has read: %w", server.Name, err)
		}
		for part := range before {
			if last := read.Last(int32(part)) + 1; i == 0 || last < before[part] {
				before[part] = last
			}
		}
	}
	topic := p.w.topics[event]
	var places []kafka.TopicPartition
	for part, o := range before {
		if o > 0 {
			places = append(places, kafka.TopicPartition{Topic: &topic, Partition: int32(part), Offset: kafka.Offset(o)})
		}
	}
	if len(places) == 0 {
		return nil
	}
	results, err := p.w.admin.DeleteRecords(ctx, places)
	if err != nil {
		return fmt.Errorf("%w: delete records of %s: %w", ErrBroker, event, err)
	}
	for _, r := range results.DeleteRecordsResults {
		if r.TopicPartition.Error != nil {
			return fmt.Errorf("%w: delete records of %s: %w", ErrBroker, event, r.TopicPartition.Error)
		}
	}
	return nil
}

// read asks a server, by a connection of its own, how far it has read an event's topic, until that is the target.
func (p *publisher) read(ctx context.Context, server Server, event string, target []int64) (wire.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := newClient(p.w, -1, p.prefix)
	defer c.abort()
	if err := c.dial(ctx, server, false); err != nil {
		return wire.Position{}, err
	}
	id, err := c.command(Command{Type: "subscribe", Channels: []string{p.prefix + "nobody." + event}})
	for err == nil {
		if _, err = c.answer(ctx, id); err != nil {
			break
		}
		at := c.place()[event]
		short := false
		for part, o := range target {
			short = short || at.Last(int32(part)) < o
		}
		if !short {
			return at, nil
		}
		sleep(ctx, 5*time.Millisecond)
		id, err = c.command(Command{Type: "heartbeat"})
	}
	return wire.Position{}, err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// encode is a command as it is sent.
func (c *Command) encode() ([]byte, error) {
	message := map[string]any{"type": c.Type, "id": c.ID}
	data := map[string]any{}
	if c.Channels != nil {
		data["channels"] = c.Channels
	}
	if c.Cursor != nil {
		data["cursor"] = c.Cursor
	}
	if c.Last > 0 {
		data["last"] = c.Last
	}
	if len(data) > 0 {
		message["data"] = data
	}
	b, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", c.Type, err)
	}
	return b, nil
}
