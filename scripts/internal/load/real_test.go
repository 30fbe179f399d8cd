package load

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// market publishes to every channel of a plan in turn, as bench does.
type market struct {
	t     *testing.T
	pub   *produce.Publisher
	topic string
	plan  *scenario.Plan
	n     []int64
	left  int
}

func (m *market) Next(intended time.Time) (produce.Record, error) {
	if m.left == 0 {
		return produce.Record{}, io.EOF
	}
	m.left--
	ch := m.left % len(m.n)
	m.n[ch]++
	return produce.Record{
		Topic: m.topic, Partition: kafka.PartitionAny, Key: []byte(m.plan.Symbol(ch)),
		Value: fmt.Appendf(nil, `{"n":%d,"sent":%d,"pad":"%060d"}`, m.n[ch], intended.UnixMicro(), 0),
	}, nil
}

// publish gives each channel so many records, and returns how many deliveries they make.
func (m *market) publish(each, connections int) (deliveries int64) {
	m.t.Helper()
	m.left = each * len(m.n)
	summary, err := m.pub.Run(within(m.t), m)
	if err != nil || summary.Acked != uint64(each*len(m.n)) {
		m.t.Fatalf("published %+v, %v", summary, err)
	}
	for ch := range m.n {
		deliveries += int64(each * m.plan.Subscribers(ch, connections))
	}
	return deliveries
}

// Against the real server and a real broker: a hundred clients get every message once, are cut, and come back to what
// they missed.
func TestRealServer(t *testing.T) {
	brokers := os.Getenv("KAFKA_TEST_BROKERS")
	if brokers == "" {
		b, err := broker.Start(t.Context(), broker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Stop(); err != nil {
				t.Error(err)
			}
		})
		brokers = b.Addr()
	}
	variants, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) { againstServer(t, v, brokers) })
	}
}

func againstServer(t *testing.T, v variant.Variant, brokers string) {
	const clients, channels, each, records = 100, 10, 3, 20
	binary, err := v.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scen := &scenario.Scenario{Connections: clients, Channels: channels, Subscribe: scenario.Subscribe{Each: each}}
	pub, err := produce.New(produce.Config{Brokers: brokers, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pub.Close)
	m := &market{
		t: t, pub: pub, topic: fmt.Sprintf("load-%s-%d", v.Name, time.Now().UnixNano()),
		plan: scenario.NewPlan(scen, 0), n: make([]int64, channels),
	}
	if err := pub.CreateTopics(t.Context(), []string{m.topic}, 12); err != nil {
		t.Fatal(err)
	}
	s, err := variant.Start(variant.Options{Binary: binary, Env: map[string]string{
		"KAFKA_BROKERS": brokers, "KAFKA_TOPICS": m.topic + "=trade",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	if err := s.WaitReady(within(t)); err != nil {
		t.Fatal(err)
	}
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: scen, PerWorker: clients / 2, Cursors: true, Ledgers: true})
	if _, err := f.Connect(within(t), clients, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	expected := m.publish(records, clients)
	i := counted(t, f, expected)
	if i.Received != expected || i.Connections != clients || !reflect.DeepEqual(i.Faults, Faults{}) {
		t.Errorf("got %+v of %d\n%s", i.Counts, expected, s.Logs())
	}
	if i.Latency.TotalCount() != expected {
		t.Errorf("%d latencies", i.Latency.TotalCount())
	}
	if err := f.Cut(within(t)); err != nil {
		t.Fatal(err)
	}
	missed := m.publish(records, clients)
	r, err := f.Return(within(t), each*records)
	if err != nil {
		t.Fatalf("%v: %+v\n%s", err, r, s.Logs())
	}
	if r.Replayed < missed/2 || r.Replayed > missed { // what the server had not read yet came live
		t.Errorf("%d of %d were replayed", r.Replayed, missed)
	}
	want := Returned{Connected: r.Connected, CaughtUp: r.CaughtUp, Returned: clients, Complete: clients, Replayed: r.Replayed, Received: missed}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v\n%s", r, want, s.Logs())
	}
	for ctx := within(t); ; time.Sleep(20 * time.Millisecond) {
		c, err := f.Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if c.Ledgers == clients {
			break
		}
	}
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	expected = m.publish(records, clients)
	if i = counted(t, f, expected); i.Received != expected || !reflect.DeepEqual(i.Faults, Faults{}) {
		t.Errorf("after the return: got %+v of %d", i.Counts, expected)
	}
	t.Logf("p50 %d µs, p99 %d µs; %d came back in %.3f s, and had caught up in %.3f s", i.Latency.ValueAtQuantile(50),
		i.Latency.ValueAtQuantile(99), clients, r.Connected, r.CaughtUp)
}
