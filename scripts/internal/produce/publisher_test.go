package produce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// list is a source that gives what it holds and remembers when each was due.
type list struct {
	records []Record
	due     []time.Time
	err     error
}

func (l *list) Next(intended time.Time) (Record, error) {
	if len(l.due) == len(l.records) {
		if l.err != nil {
			return Record{}, l.err
		}
		return Record{}, io.EOF
	}
	l.due = append(l.due, intended)
	return l.records[len(l.due)-1], nil
}

func records(n int, topic string) []Record {
	rs := make([]Record, n)
	for i := range rs {
		rs[i] = Record{
			Topic: topic, Event: "trade", Partition: kafka.PartitionAny,
			Key: fmt.Appendf(nil, "K%d", i%5), Value: fmt.Appendf(nil, "%d", i),
		}
	}
	return rs
}

func mockBroker(t *testing.T) string {
	t.Helper()
	mock, err := kafka.NewMockCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mock.Close)
	if err := mock.CreateTopic("here", 4, 1); err != nil {
		t.Fatal(err)
	}
	return mock.BootstrapServers()
}

func newPublisher(t *testing.T, cfg Config) *Publisher {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestRunKeepsTheScheduleAndCounts(t *testing.T) {
	p := newPublisher(t, Config{Brokers: mockBroker(t), Rate: 500})
	l := &list{records: records(200, "here")}
	s, err := p.Run(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if s.Sent != 200 || s.Acked != 200 || s.Errors != 0 || s.Events["trade"] != 200 || s.Interrupted {
		t.Errorf("summary %+v", s)
	}
	if s.AckMS.P50 <= 0 || s.AckMS.Max < s.AckMS.P99 {
		t.Errorf("latencies %+v", s.AckMS)
	}
	for i, d := range l.due {
		if got, want := d.Sub(l.due[0]), time.Duration(i)*2*time.Millisecond; got != want {
			t.Fatalf("record %d was due after %v, want %v", i, got, want)
		}
	}
	if s.Seconds < 0.39 {
		t.Errorf("200 records at 500/s took %.3f s, want 0.4", s.Seconds)
	}
	if g := p.Progress(); g.Sent != 200 || g.Acked != 200 {
		t.Errorf("progress %+v", g)
	}
}

func TestASourceThatIsSlowDoesNotMoveTheSchedule(t *testing.T) {
	p := newPublisher(t, Config{Brokers: mockBroker(t), Rate: 1000})
	l := &list{records: records(100, "here")}
	s, err := p.Run(t.Context(), stalling{l, 10, 60 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.due[99].Sub(l.due[0]), 99*time.Millisecond; got != want {
		t.Errorf("the last record was due after %v, want %v", got, want)
	}
	if s.BehindMS < 55 {
		t.Errorf("behind schedule by %v ms at most, want about 60", s.BehindMS)
	}
	if s.AckMS.Max < 55 {
		t.Errorf("slowest acknowledgement after %v ms: the delay of the publisher itself is missing in it", s.AckMS.Max)
	}
}

type stalling struct {
	*list
	at    int
	sleep time.Duration
}

func (s stalling) Next(intended time.Time) (Record, error) {
	if len(s.due) == s.at {
		time.Sleep(s.sleep)
	}
	return s.list.Next(intended)
}

func TestRunEnds(t *testing.T) {
	broker := mockBroker(t)
	t.Run("after the duration", func(t *testing.T) {
		p := newPublisher(t, Config{Brokers: broker, Rate: 100, Duration: 100 * time.Millisecond})
		s, err := p.Run(t.Context(), &list{records: records(1000, "here")})
		if err != nil || s.Sent != 10 || s.Interrupted {
			t.Errorf("%+v, %v; want 10 sent", s, err)
		}
	})
	t.Run("when interrupted", func(t *testing.T) {
		p := newPublisher(t, Config{Brokers: broker, Rate: 10})
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		s, err := p.Run(ctx, &list{records: records(1000, "here")})
		if err != nil || s.Sent != 2 || s.Acked != 2 || !s.Interrupted {
			t.Errorf("%+v, %v; want 2 sent and interrupted", s, err)
		}
	})
	t.Run("with the source's error", func(t *testing.T) {
		p := newPublisher(t, Config{Brokers: broker, Rate: 1000})
		broken := errors.New("line 7 is broken")
		s, err := p.Run(t.Context(), &list{records: records(3, "here"), err: broken})
		if !errors.Is(err, broken) || s.Acked != 3 {
			t.Errorf("%+v, %v; want 3 acknowledged and the source's error", s, err)
		}
	})
}

func TestABrokerThatIsNotThere(t *testing.T) {
	p := newPublisher(t, Config{
		Brokers: "127.0.0.1:1", Rate: 1000, FlushTimeout: 200 * time.Millisecond,
		Properties: kafka.ConfigMap{"socket.connection.setup.timeout.ms": 1000},
	})
	s, err := p.Run(t.Context(), &list{records: records(5, "here")})
	if err != nil {
		t.Fatal(err)
	}
	if s.Sent != 5 || s.Acked != 0 || s.Errors != 5 || s.Reasons["not acknowledged within 200ms"] != 5 {
		t.Errorf("summary %+v, want five errors with their reason", s)
	}
	if g := p.Progress(); !strings.Contains(g.Last, "127.0.0.1:1") {
		t.Errorf("last error %q does not say which broker", g.Last)
	}
}

func TestARecordThatCannotBeSentIsAnError(t *testing.T) {
	p := newPublisher(t, Config{Brokers: mockBroker(t), Rate: 1000})
	rs := records(4, "here")
	rs[1].Partition = 99
	rs[2].Value = make([]byte, 2<<20)
	s, err := p.Run(t.Context(), &list{records: rs})
	if err != nil {
		t.Fatal(err)
	}
	if s.Sent != 4 || s.Acked != 2 || s.Errors != 2 || len(s.Reasons) != 2 {
		t.Errorf("summary %+v, want two errors, each with its reason", s)
	}
}

func TestMissingTopics(t *testing.T) {
	p := newPublisher(t, Config{Brokers: mockBroker(t), Rate: 1})
	for range 2 { // asking must not have created it
		missing, err := p.MissingTopics([]string{"here", "nowhere"})
		if err != nil || len(missing) != 1 || missing[0] != "nowhere" {
			t.Fatalf("%v, %v; want nowhere", missing, err)
		}
	}
}

func TestWrongConfiguration(t *testing.T) {
	for want, cfg := range map[string]Config{
		"rate 0":                         {Brokers: "x"},
		"No such configuration property": {Brokers: "x", Rate: 1, Properties: kafka.ConfigMap{"lingr.ms": 1}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}
