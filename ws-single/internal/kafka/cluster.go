package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	// probeTimeout bounds a call that cannot be cancelled, so it bounds how
	// long an unreachable broker holds up the end of Run.
	probeTimeout = 1500 * time.Millisecond
	// questionTimeout bounds the questions that can be.
	questionTimeout = 5 * time.Second
	retryPause      = 200 * time.Millisecond
)

// cluster asks the brokers questions, on connections of its own: on the
// reader's a question would wait behind a fetch, half a second when nothing is
// new. probe and complaints are discovery's; the rest is for any goroutine.
type cluster struct {
	client *kafka.Consumer
	admin  *kafka.AdminClient
}

func newCluster(cfg Config) (*cluster, error) {
	m := clientProperties(cfg)
	// A plain AdminClient has no way to take its error events away: while a
	// broker is down they would pile up for ever.
	client, err := kafka.NewConsumer(&m)
	if err != nil {
		return nil, fmt.Errorf("set up librdkafka: %w", err)
	}
	admin, err := kafka.NewAdminClientFromConsumer(client)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("set up librdkafka: %w", err)
	}
	return &cluster{client: client, admin: admin}, nil
}

func (k *cluster) close() {
	k.admin.Close()
	k.client.Close()
}

// probe asks any broker for nothing in particular and tells how long it took.
func (k *cluster) probe() (time.Duration, error) {
	start := time.Now()
	_, err := k.client.GetMetadata(nil, false, int(probeTimeout.Milliseconds()))
	return time.Since(start), err
}

// complaints takes librdkafka's errors since the last call and returns the
// newest that says why a broker cannot be reached.
func (k *cluster) complaints() error {
	var why error
	for {
		switch e := k.client.Poll(0).(type) {
		case nil:
			return why
		case kafka.Error:
			if !memberError(e) && e.Code() != kafka.ErrAllBrokersDown {
				why = e
			}
		}
	}
}

// memberError: about the group that we are no member of. librdkafka looks for
// its coordinator all the same.
func memberError(e kafka.Error) bool {
	switch e.Code() {
	case kafka.ErrGroupAuthorizationFailed, kafka.ErrCoordinatorNotAvailable, kafka.ErrCoordinatorLoadInProgress,
		kafka.ErrNotCoordinator, kafka.ErrMaxPollExceeded:
		return true
	}
	return strings.HasPrefix(e.String(), "GroupCoordinator")
}

// described is a topic as a broker sees it now.
type described struct {
	log        string   // empty when it does not exist, or err
	id         [16]byte // zero: the broker has none
	partitions int
	err        error // nothing is known; to be asked again
}

// mockPrefix begins the cluster ID of librdkafka's mock cluster.
const mockPrefix = "mockCluster"

// describe asks for the topics, by name.
//
// A log is named by its topic ID. A broker too old to have those (Kafka before
// 2.8, KIP-516) answers with the zero ID. librdkafka's mock cluster does not
// answer at all, for want of a controller, and is known by its cluster ID. So
// which name a log gets never hangs on a timeout: a broker that is slow gives
// no name yet, never another one.
func (k *cluster) describe(ctx context.Context, names []string) (map[string]described, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	id, err := k.admin.ClusterID(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the cluster's ID: %w", err)
	}
	if strings.HasPrefix(id, mockPrefix) {
		return k.describeMock(id, names)
	}
	result, err := k.admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames(names), kafka.SetAdminRequestTimeout(questionTimeout))
	if err != nil {
		return nil, fmt.Errorf("ask for topics: %w", err)
	}
	found := make(map[string]described, len(names))
	for _, t := range result.TopicDescriptions {
		d := described{partitions: len(t.Partitions)}
		d.id = idBytes(t.TopicID)
		switch {
		case t.Error.Code() == kafka.ErrUnknownTopicOrPart:
		case t.Error.Code() != kafka.ErrNoError:
			d.err = t.Error
		case d.id == [16]byte{}:
			d.log = wire.LogNameWithoutID(id, t.Name)
		default:
			d.log = wire.LogName(d.id)
		}
		found[t.Name] = d
	}
	return found, nil
}

func (k *cluster) describeMock(id string, names []string) (map[string]described, error) {
	m, err := k.client.GetMetadata(nil, true, int(probeTimeout.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("ask for topics: %w", err)
	}
	found := make(map[string]described, len(names))
	for _, name := range names {
		var d described
		if t, ok := m.Topics[name]; ok && t.Error.Code() == kafka.ErrNoError {
			d = described{log: wire.LogNameWithoutID(id, name), partitions: len(t.Partitions)}
		}
		found[name] = d
	}
	return found, nil
}

// idBytes gives a topic ID's bytes in the order of the wire (RFC 4122).
func idBytes(id kafka.UUID) (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], uint64(id.GetMostSignificantBits()))
	binary.BigEndian.PutUint64(b[8:], uint64(id.GetLeastSignificantBits()))
	return b
}

// place is one partition of a configured topic.
type place struct {
	topic     string
	partition int32
}

// answer is an offset, or why there is none.
type answer struct {
	offset int64
	err    error
}

// question is one of ListOffsets'.
type question struct {
	spec      kafka.OffsetSpec
	isolation kafka.IsolationLevel
}

var (
	earliest        = question{kafka.EarliestOffsetSpec, kafka.IsolationLevelReadUncommitted}
	latest          = question{kafka.LatestOffsetSpec, kafka.IsolationLevelReadUncommitted} // the high watermark
	latestCommitted = question{kafka.LatestOffsetSpec, kafka.IsolationLevelReadCommitted}   // the last stable offset
)

// since asks for the first offset with a timestamp of t or later.
func since(t time.Time) question {
	return question{kafka.NewOffsetSpecForTimestamp(t.UnixMilli()), kafka.IsolationLevelReadCommitted}
}

var errNoAnswer = errors.New("the broker left the partition out of its answer")

// offsets asks one question about many partitions; the answers have the same
// order. A negative offset: there is no such record.
func (k *cluster) offsets(ctx context.Context, places []place, q question) ([]answer, error) {
	if len(places) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	ask := make(map[kafka.TopicPartition]kafka.OffsetSpec, len(places))
	for i := range places {
		ask[kafka.TopicPartition{Topic: &places[i].topic, Partition: places[i].partition}] = q.spec
	}
	result, err := k.admin.ListOffsets(ctx, ask, kafka.SetAdminIsolationLevel(q.isolation), kafka.SetAdminRequestTimeout(questionTimeout))
	if err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	got := make(map[place]answer, len(places))
	for tp, info := range result.ResultInfos {
		a := answer{offset: int64(info.Offset)}
		if info.Error.Code() != kafka.ErrNoError {
			a.err = info.Error
		}
		got[place{*tp.Topic, tp.Partition}] = a
	}
	answers := make([]answer, len(places))
	for i, p := range places {
		a, ok := got[p]
		if !ok {
			a.err = errNoAnswer
		}
		answers[i] = a
	}
	return answers, nil
}
