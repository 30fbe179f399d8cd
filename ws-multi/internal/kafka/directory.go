package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	// greeting bounds a question that cannot be called off, and so how long a
	// broker that does not answer holds up the end of Run.
	greeting = 1500 * time.Millisecond
	// asking bounds the others.
	asking   = 5 * time.Second
	askAgain = 200 * time.Millisecond
)

// directory asks brokers what there is. It has connections of its own: behind a
// fetch a question would wait until that has its answer, half a second when
// nothing is new. Any goroutine may use ask; the rest is discovery's.
type directory struct {
	consumer *kafka.Consumer
	admin    *kafka.AdminClient
}

func newDirectory(cfg Config) (*directory, error) {
	m := kafka.ConfigMap{}
	for name, value := range connectionProperties(cfg) {
		m[name] = value
	}
	delete(m, "debug") // the reader's log says enough
	m["log_level"] = "0"
	// An AdminClient of its own would have nobody to take its error events, and
	// keep them all while a broker is down.
	consumer, err := kafka.NewConsumer(&m)
	if err != nil {
		return nil, fmt.Errorf("set up librdkafka for questions: %w", err)
	}
	admin, err := kafka.NewAdminClientFromConsumer(consumer)
	if err != nil {
		_ = consumer.Close() // what is wrong is said already
		return nil, fmt.Errorf("set up librdkafka for questions: %w", err)
	}
	return &directory{consumer, admin}, nil
}

func (d *directory) close() {
	d.admin.Close()
	_ = d.consumer.Close() // of no group, with nothing to commit
}

// greet asks whichever broker is there for a sign of life. Its error is
// librdkafka's latest about a connection, if there is one: that says more than
// that time was up.
func (d *directory) greet() (took time.Duration, err error) {
	began := time.Now()
	_, err = d.consumer.GetMetadata(nil, false, int(greeting.Milliseconds()))
	for {
		switch e := d.consumer.Poll(0).(type) {
		case nil:
			return time.Since(began), err
		case kafka.Error:
			if err != nil && e.Code() != kafka.ErrAllBrokersDown && !ofGroup(e.Code(), e.String()) {
				err = e
			}
		}
	}
}

// ofGroup: librdkafka looks for the coordinator of a group though we join none,
// and complains when it finds none.
func ofGroup(code kafka.ErrorCode, text string) bool {
	switch code {
	case kafka.ErrCoordinatorNotAvailable, kafka.ErrCoordinatorLoadInProgress, kafka.ErrNotCoordinator,
		kafka.ErrGroupAuthorizationFailed, kafka.ErrMaxPollExceeded:
		return true
	}
	return strings.HasPrefix(text, "GroupCoordinator")
}

// listing is what a broker says of a topic now.
type listing struct {
	log     string   // empty: there is no such topic
	id      [16]byte // zero: the broker has no topic IDs
	leaders []int32  // of each partition the broker that leads it, or nobody
	err     error    // the broker does not say; the rest is void
}

// nobody leads a partition whose replicas are all away.
const nobody = -1

// mockCluster begins the cluster ID of librdkafka's mock cluster.
const mockCluster = "mockCluster"

// topics looks up topics by name.
//
// A log's name must be the same every time, so a way to get it may not depend on
// which question timed out. It comes from the topic ID; of a broker that is too
// old for those (Kafka before 2.8, KIP-516) the answer has the zero ID. The mock
// cluster never answers such a question, and is told by its cluster ID.
func (d *directory) topics(ctx context.Context, names []string) (map[string]listing, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	cluster, err := d.admin.ClusterID(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask which cluster it is: %w", err)
	}
	found := make(map[string]listing, len(names))
	if strings.HasPrefix(cluster, mockCluster) {
		m, err := d.consumer.GetMetadata(nil, true, int(greeting.Milliseconds()))
		if err != nil {
			return nil, fmt.Errorf("ask for all topics: %w", err)
		}
		for _, name := range names {
			if t, ok := m.Topics[name]; ok && t.Error.Code() == kafka.ErrNoError {
				l := listing{log: wire.LogNameWithoutID(cluster, name), leaders: leaderless(len(t.Partitions))}
				for _, p := range t.Partitions {
					l.lead(int(p.ID), int(p.Leader))
				}
				found[name] = l
			}
		}
		return found, nil
	}
	answer, err := d.admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames(names), kafka.SetAdminRequestTimeout(asking))
	if err != nil {
		return nil, fmt.Errorf("ask for topics: %w", err)
	}
	for _, name := range names {
		found[name] = listing{err: errLeftOut}
	}
	for _, t := range answer.TopicDescriptions {
		l := listing{leaders: leaderless(len(t.Partitions))}
		for _, p := range t.Partitions {
			if p.Leader != nil {
				l.lead(p.Partition, p.Leader.ID)
			}
		}
		switch t.Error.Code() {
		case kafka.ErrNoError:
			binary.BigEndian.PutUint64(l.id[:8], uint64(t.TopicID.GetMostSignificantBits()))
			binary.BigEndian.PutUint64(l.id[8:], uint64(t.TopicID.GetLeastSignificantBits()))
			l.log = wire.LogName(l.id)
			if l.id == [16]byte{} {
				l.log = wire.LogNameWithoutID(cluster, t.Name)
			}
		case kafka.ErrUnknownTopicOrPart:
		default:
			l.err = t.Error
		}
		found[t.Name] = l
	}
	return found, nil
}

func leaderless(partitions int) []int32 {
	leaders := make([]int32, partitions)
	for i := range leaders {
		leaders[i] = nobody
	}
	return leaders
}

func (l *listing) lead(partition, broker int) {
	if partition >= 0 && partition < len(l.leaders) && broker >= 0 {
		l.leaders[partition] = int32(broker)
	}
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// question is one about a place in each of some logs.
type question struct {
	spec      kafka.OffsetSpec
	isolation kafka.IsolationLevel
}

var (
	firstOffset = question{kafka.EarliestOffsetSpec, kafka.IsolationLevelReadUncommitted}
	highWater   = question{kafka.LatestOffsetSpec, kafka.IsolationLevelReadUncommitted}
	stableEnd   = question{kafka.LatestOffsetSpec, kafka.IsolationLevelReadCommitted}
)

// sinceTime asks for the first record with a timestamp of t or later.
func sinceTime(t time.Time) question {
	return question{kafka.NewOffsetSpecForTimestamp(t.UnixMilli()), kafka.IsolationLevelReadCommitted}
}

// offset is an answer: negative if there is no such record, void if err is not nil.
type offset struct {
	at  int64
	err error
}

// offsets are in the order of the places that were asked about.
type offsets []offset

func (o offsets) failure() error {
	for _, one := range o {
		if one.err != nil {
			return one.err
		}
	}
	return nil
}

// any reports whether one of them is an answer.
func (o offsets) any() bool {
	return slices.ContainsFunc(o, func(one offset) bool { return one.err == nil })
}

// values has math.MaxInt64 for what is no answer.
func (o offsets) values() []int64 {
	values := make([]int64, len(o))
	for i, one := range o {
		if values[i] = one.at; one.err != nil {
			values[i] = math.MaxInt64
		}
	}
	return values
}

var (
	errLeftOut = errors.New("the broker's answer leaves it out")
	errLate    = errors.New("the broker that leads it has not answered in time")
)

// noSuchRecord is the answer where no record has a time.
const noSuchRecord = -1

// ask asks one question about many places at once. Its answer comes when the last
// of the brokers that lead them has answered, or has not in time.
func (d *directory) ask(ctx context.Context, places []place, q question) (offsets, error) {
	if len(places) == 0 {
		return nil, nil
	}
	// librdkafka's own time is up first, so that its answer is had: it has what
	// the other brokers said.
	within := asking
	if end, bound := ctx.Deadline(); bound {
		within = min(within, time.Until(end)-askAgain)
	}
	if within < askAgain {
		return nil, errLate
	}
	ctx, cancel := context.WithTimeout(ctx, within+askAgain)
	defer cancel()
	wanted := make(map[kafka.TopicPartition]kafka.OffsetSpec, len(places))
	found := make(offsets, len(places))
	index := make(map[place]int, len(places))
	for i := range places {
		p := &places[i]
		wanted[kafka.TopicPartition{Topic: &p.topic, Partition: p.partition}] = q.spec
		index[*p], found[i].err = i, errLeftOut
	}
	answer, err := d.admin.ListOffsets(ctx, wanted, kafka.SetAdminIsolationLevel(q.isolation), kafka.SetAdminRequestTimeout(within))
	if err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	for tp, info := range answer.ResultInfos {
		i, asked := index[place{*tp.Topic, tp.Partition}]
		if !asked {
			continue
		}
		found[i] = offset{at: int64(info.Offset)}
		switch {
		case info.Error.Code() != kafka.ErrNoError:
			found[i].err = info.Error
		case info.Offset < noSuchRecord:
			// Of a leader that did not answer librdkafka gives an offset that
			// is none, and no error.
			found[i].err = errLate
		}
	}
	return found, nil
}
