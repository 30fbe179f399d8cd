package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs the program and returns its exit code, summary and standard error.
func call(ctx context.Context, t *testing.T, args ...string) (int, produce.Summary, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, noEnv, &stdout, &stderr)
	var s produce.Summary
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
			t.Fatalf("summary %q: %v", stdout.String(), err)
		}
	}
	return code, s, stderr.String()
}

// realBroker is the one that KAFKA_TEST_BROKERS names, or one of the test's own.
func realBroker(t *testing.T) string {
	t.Helper()
	if brokers := os.Getenv("KAFKA_TEST_BROKERS"); brokers != "" {
		return brokers
	}
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b.Addr()
}

func TestOnARealBroker(t *testing.T) {
	brokers := realBroker(t)
	run := fmt.Sprint(time.Now().UnixNano())

	t.Run("the market arrives whole", func(t *testing.T) {
		trades, liquidity := "t"+run, "l"+run
		code, s, stderr := call(t.Context(), t, "--brokers", brokers, "--topics", trades+"=trade,"+liquidity+"=liquidity",
			"--rate", "1000/s", "--duration", "2s", "--symbols", "30", "--start-n", "5")
		if code != 0 || s.Sent != 2000 || s.Acked != 2000 || s.Errors != 0 || s.AckMS.P50 <= 0 {
			t.Fatalf("exit %d, summary %+v, said %q", code, s, stderr)
		}
		if !strings.Contains(stderr, "made with 12 partitions: "+trades) {
			t.Errorf("it did not say which topics it made: %q", stderr)
		}
		t.Logf("2,000 records at 1,000/s: acknowledged after p50 %.2f ms, p99 %.2f ms", s.AckMS.P50, s.AckMS.P99)
		next := map[string]uint64{}
		count := map[string]uint64{}
		for _, m := range consume(t, brokers, 2000, trades, liquidity) {
			var v struct{ N, Sent uint64 }
			if err := json.Unmarshal(m.Value, &v); err != nil {
				t.Fatal(err)
			}
			ch := *m.TopicPartition.Topic + "/" + string(m.Key)
			if next[ch] == 0 {
				next[ch] = 5
			}
			if v.N != next[ch] {
				t.Fatalf("%s: n %d, want %d", ch, v.N, next[ch])
			}
			next[ch]++
			count[*m.TopicPartition.Topic]++
			if late := m.Timestamp.UnixMicro() - int64(v.Sent); late < -2000 || late > 1_000_000 {
				t.Errorf("handed over %d us after the intended time", late)
			}
		}
		if count[trades] != s.Events["trade"] || count[liquidity] != s.Events["liquidity"] {
			t.Errorf("found %v, the summary says %v", count, s.Events)
		}
	})

	t.Run("a file arrives as it is", func(t *testing.T) {
		topic := "f" + run
		stamp := time.Now().Add(-time.Hour).UnixMilli() // older than the topic's retention it could vanish again
		path := write(t, fmt.Sprintf(`{"topic":%q,"key":"A","value":{"x": 1},"headers":{"symbol":["B","C"]},"timestamp":%d,"partition":7}
{"topic":%q,"key":"A","value":null,"partition":7}
{"topic":%q,"value_base64":"","partition":7}
`, topic, stamp, topic, topic))
		code, s, stderr := call(t.Context(), t, "--brokers", brokers, "--file", path)
		if code != 0 || s.Acked != 3 || s.Events[topic] != 3 {
			t.Fatalf("exit %d, summary %+v, said %q", code, s, stderr)
		}
		got := consume(t, brokers, 3, topic)
		if a := got[0]; string(a.Key) != "A" || string(a.Value) != `{"x": 1}` || a.Timestamp.UnixMilli() != stamp ||
			len(a.Headers) != 2 || string(a.Headers[1].Value) != "C" || a.TopicPartition.Partition != 7 {
			t.Errorf("first record %+v", a)
		}
		if got[1].Value != nil {
			t.Errorf("the tombstone has the value %q", got[1].Value)
		}
		if c := got[2]; c.Key != nil || c.Value == nil || len(c.Value) != 0 {
			t.Errorf("key %q, value %q; want no key and an empty value", c.Key, c.Value)
		}
	})

	t.Run("no topic is made with --no-create", func(t *testing.T) {
		for range 2 {
			code, _, stderr := call(t.Context(), t, "--brokers", brokers, "--topics", "n"+run+"=trade", "--no-create", "--duration", "1s")
			if code != 1 || !strings.Contains(stderr, "no such topic: n"+run) {
				t.Errorf("exit %d, said %q", code, stderr)
			}
		}
	})

	t.Run("an interrupt ends it with the summary", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		code, s, stderr := call(ctx, t, "--brokers", brokers, "--topics", "t"+run+"=trade", "--rate", "100/s")
		if code != 0 || !s.Interrupted || s.Sent == 0 || s.Sent != s.Acked {
			t.Errorf("exit %d, summary %+v, said %q", code, s, stderr)
		}
	})

	t.Run("a partition that is not there is an error", func(t *testing.T) {
		path := write(t, fmt.Sprintf(`{"topic":%q,"value":1,"partition":99}`, "t"+run))
		code, s, _ := call(t.Context(), t, "--brokers", brokers, "--file", path)
		if code != 1 || s.Errors != 1 || len(s.Reasons) != 1 {
			t.Errorf("exit %d, summary %+v", code, s)
		}
	})
}

// consume reads n records of the topics from their beginning; those of one partition stay in order.
func consume(t *testing.T, brokers string, n int, topics ...string) []*kafka.Message {
	t.Helper()
	c, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": brokers, "group.id": "publish-test", "enable.auto.commit": false, "fetch.queue.backoff.ms": 5,
		"auto.offset.reset": "earliest",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all []kafka.TopicPartition
	for _, topic := range topics {
		for p := range int32(12) {
			// By number: a broker that is busy with new topics may take long to say where their beginning is.
			all = append(all, kafka.TopicPartition{Topic: &topic, Partition: p, Offset: 0})
		}
	}
	if err := c.Assign(all); err != nil {
		t.Fatal(err)
	}
	var got []*kafka.Message
	for deadline := time.Now().Add(time.Minute); len(got) < n && time.Now().Before(deadline); {
		if m, err := c.ReadMessage(200 * time.Millisecond); err == nil {
			got = append(got, m)
		}
	}
	if len(got) != n {
		read := map[string]int64{}
		for _, m := range got {
			read[m.TopicPartition.String()[:strings.Index(m.TopicPartition.String(), "@")]]++
		}
		for _, p := range all {
			name := fmt.Sprintf("%s[%d]", *p.Topic, p.Partition)
			if _, end, err := c.QueryWatermarkOffsets(*p.Topic, p.Partition, 5000); err != nil || end != read[name] {
				t.Errorf("%s: %d were read, its end is %d, %v", name, read[name], end, err)
			}
		}
		t.Fatalf("%d records in the topics, want %d", len(got), n)
	}
	return got
}

func TestExitCodes(t *testing.T) {
	bad := write(t, "{\n")
	for _, c := range []struct {
		args []string
		code int
		said string
	}{
		{[]string{"--rate", "none"}, 2, "publish: invalid value \"none\" for flag -rate: want records a second, such as 1000/s\n"},
		{[]string{"--file", bad}, 2, "publish: " + bad + ":1: not a record: the object does not end\n"},
		{[]string{"--properties", "lingr.ms=1"}, 2, "publish: make producer: No such configuration property: \"lingr.ms\"\n"},
		{[]string{"--help"}, 0, ""},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), c.args, noEnv, &stdout, &stderr); code != c.code || stderr.String() != c.said {
			t.Errorf("%q: exit %d and %q, want %d and %q", c.args, code, stderr.String(), c.code, c.said)
		}
	}
	code, _, said := call(t.Context(), t, "--brokers", "127.0.0.1:1", "--properties", "socket.timeout.ms=1000")
	if code != 1 || !strings.HasPrefix(said, "publish: no broker answers at 127.0.0.1:1: ") {
		t.Errorf("without a broker: exit %d and %q", code, said)
	}
}
