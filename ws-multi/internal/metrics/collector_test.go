package metrics

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/shard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// histogram has so many observations in its buckets, from the first on.
func histogram(def metric.Def, sum float64, n ...uint64) shard.Histogram {
	counts := make([]uint64, len(def.Buckets)+1)
	copy(counts, n)
	return shard.Histogram{Bounds: def.Buckets, Counts: counts, Sum: sum}
}

// sources of a server with the given shards, every other figure of its own.
func sources(shards ...*shard.Snapshot) Sources {
	return Sources{
		Build:   version.Info{Architecture: "multi", Version: "v1.2.3", Commit: "abc1234"},
		Events:  []string{"trade", "social"},
		Shards:  func() []*shard.Snapshot { return shards },
		History: func() History { return History{Bytes: 21, Records: 22, Age: 23500 * time.Millisecond} },
		Guard: func() guard.Snapshot {
			return guard.Snapshot{CPURatio: 0.31, CPULoad: 0.2, ThrottledSeconds: 1.5, MemoryGo: 32, MemoryNative: 33, MemoryKernel: 34, MemoryLimit: 35}
		},
		Kafka: func() kafka.Stats {
			return kafka.Stats{
				Up: true, Events: []kafka.EventStats{{Records: 41, GapRecords: 42, Lag: 43}, {Records: 44}},
				Skipped: map[string]uint64{metric.SkipUTF8: 45, "unheard of": 46},
			}
		},
		Rejected: func() map[string]uint64 { return map[string]uint64{metric.RejectCPU: 51} },
		Ready:    func() bool { return true },
		Draining: func() bool { return false },
		Unlogged: func() int64 { return 36 },
	}
}

func twoShards() []*shard.Snapshot {
	return []*shard.Snapshot{
		{
			Connections: 1, Behind: 2, Full: 3, Busy: 0.25, Lag: 4,
			Counters:     shard.Counters{Opened: 5, Sent: 6, BytesSent: 7, Merged: 8, Replayed: 9, Recovered: 10, LostResumes: 11},
			ClosedByCode: map[wire.CloseCode]uint64{wire.CloseDrain: 12, socket.Abnormal: 13},
			Commands:     map[shard.CommandResult]uint64{{Type: "subscribe", Result: metric.CommandOK}: 14},
			Latency:      histogram(metric.DeliveryLatency, 0.5, 1, 2),
			Turn:         histogram(metric.LoopTurn, 0.25, 3),
		},
		{
			Connections: 100, Behind: 200, Busy: 0.75, Lag: 400,
			Counters:     shard.Counters{Opened: 500, Sent: 600, BytesSent: 700, Merged: 800, Replayed: 900, Recovered: 1000, LostResumes: 1100},
			ClosedByCode: map[wire.CloseCode]uint64{wire.CloseDrain: 1200, socket.NoStatus: 1},
			Commands: map[shard.CommandResult]uint64{
				{Type: "subscribe", Result: metric.CommandOK}: 1400, {Type: metric.CommandOther, Result: "UNKNOWN_TYPE"}: 15,
			},
			Latency: histogram(metric.DeliveryLatency, 64, 10, 0, 30),
			Turn:    histogram(metric.LoopTurn, 8, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), // longer than the last bound
		},
	}
}

// scrapeText is what Prometheus reads. The registry refuses a series that comes
// twice or does not fit its description.
func scrapeText(t testing.TB, s Sources) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(s))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// seriesOf are the values by name and labels, as they stand in the text.
func seriesOf(text string) map[string]string {
	series := map[string]string{}
	for line := range strings.Lines(text) {
		if i := strings.LastIndexByte(line, ' '); line[0] != '#' {
			series[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return series
}

func TestEveryMetricIsThere(t *testing.T) {
	text := scrapeText(t, sources(twoShards()...))
	names := map[string][]string{} // series by metric
	for series := range seriesOf(text) {
		name, _, _ := strings.Cut(series, "{")
		if strings.HasSuffix(name, "_seconds_bucket") || strings.HasSuffix(name, "_seconds_sum") || strings.HasSuffix(name, "_seconds_count") {
			name = name[:strings.LastIndexByte(name, '_')]
		}
		names[name] = append(names[name], series)
	}
	for _, def := range metric.All() {
		for _, line := range []string{
			fmt.Sprintf("# HELP %s %s\n", def.Name, def.Help),
			fmt.Sprintf("# TYPE %s %s\n", def.Name, def.Kind),
		} {
			if strings.Count(text, line) != 1 {
				t.Errorf("not there, or not once: %s", line)
			}
		}
		if len(names[def.Name]) == 0 {
			t.Errorf("%s has no series", def.Name)
		}
		for _, series := range names[def.Name] {
			var labels []string
			for _, pair := range labelPairs.FindAllStringSubmatch(series, -1) {
				if pair[1] != "le" {
					labels = append(labels, pair[1])
				}
			}
			if want := slices.Sorted(slices.Values(def.Labels)); !slices.Equal(labels, want) {
				t.Errorf("%s has the labels %v, want %v", series, labels, want)
			}
		}
		for _, bound := range def.Buckets {
			le := fmt.Sprintf("le=%q", strconv.FormatFloat(bound, 'g', -1, 64))
			if !slices.ContainsFunc(names[def.Name], func(s string) bool { return strings.Contains(s, le) }) {
				t.Errorf("%s has no bucket %s", def.Name, le)
			}
		}
		delete(names, def.Name)
	}
	if len(names) > 0 {
		t.Errorf("not in kit/metric: %v", names)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

var labelPairs = regexp.MustCompile(`(\w+)="`)

func TestValues(t *testing.T) {
	shards := twoShards()
	for name, test := range map[string]struct {
		sources Sources
		want    map[string]string
	}{
		"two shards": {sources(shards...), map[string]string{
			`ws_build_info{architecture="multi",commit="abc1234",version="v1.2.3"}`: "1",
			"ws_ready": "1", "ws_draining": "0",

			"ws_connections": "101", `ws_shard_connections{shard="0"}`: "1", `ws_shard_connections{shard="1"}`: "100",
			`ws_loop_busy_ratio{shard="0"}`: "0.25", `ws_loop_busy_ratio{shard="1"}`: "0.75",
			`ws_loop_lag_records{shard="0"}`: "4", `ws_loop_lag_records{shard="1"}`: "400",
			`ws_loop_turn_seconds_bucket{shard="0",le="5e-05"}`: "3", `ws_loop_turn_seconds_count{shard="0"}`: "3", `ws_loop_turn_seconds_sum{shard="0"}`: "0.25",
			`ws_loop_turn_seconds_bucket{shard="1",le="5e-05"}`: "0", `ws_loop_turn_seconds_bucket{shard="1",le="0.0001"}`: "5",
			`ws_loop_turn_seconds_bucket{shard="1",le="1"}`: "5", `ws_loop_turn_seconds_count{shard="1"}`: "6", `ws_loop_turn_seconds_sum{shard="1"}`: "8",

			"ws_connections_behind": "202", "ws_connections_total": "505",
			`ws_connections_closed_total{code="4000"}`: "1212", `ws_connections_closed_total{code="1006"}`: "13",
			`ws_connections_closed_total{code="1005"}`: "1", `ws_connections_closed_total{code="4001"}`: "0",
			`ws_connections_rejected_total{reason="cpu"}`: "51", `ws_connections_rejected_total{reason="token"}`: "0",
			"ws_messages_sent_total": "606", "ws_bytes_sent_total": "707", "ws_messages_merged_total": "808", "ws_messages_replayed_total": "909",
			`ws_delivery_latency_seconds_bucket{le="0.0005"}`: "11", `ws_delivery_latency_seconds_bucket{le="0.001"}`: "13",
			`ws_delivery_latency_seconds_bucket{le="0.002"}`: "43", `ws_delivery_latency_seconds_bucket{le="+Inf"}`: "43",
			"ws_delivery_latency_seconds_count": "43", "ws_delivery_latency_seconds_sum": "64.5",
			`ws_commands_total{result="ok",type="subscribe"}`:       "1414",
			`ws_commands_total{result="UNKNOWN_TYPE",type="other"}`: "15",
			`ws_resumes_total{result="recovered"}`:                  "1010", `ws_resumes_total{result="lost"}`: "1111",

			"ws_history_bytes": "21", "ws_history_records": "22", "ws_history_age_seconds": "23.5",
			"ws_cpu_ratio": "0.31", "ws_cpu_throttled_seconds_total": "1.5",
			`ws_memory_bytes{kind="go"}`: "32", `ws_memory_bytes{kind="native"}`: "33", `ws_memory_bytes{kind="kernel"}`: "34",
			"ws_memory_limit_bytes": "35",

			"ws_kafka_up": "1", "ws_kafka_paused": "0",
			`ws_kafka_records_total{event="trade"}`: "41", `ws_kafka_records_total{event="social"}`: "44",
			`ws_kafka_gap_records_total{event="trade"}`: "42", `ws_kafka_gap_records_total{event="social"}`: "0",
			`ws_kafka_lag_records{event="trade"}`: "43", `ws_kafka_lag_records{event="social"}`: "0",
			`ws_kafka_records_skipped_total{reason="utf8"}`: "45", `ws_kafka_records_skipped_total{reason="empty"}`: "0",
		}},
		"a shard that has said nothing": {sources(nil, shards[0]), map[string]string{
			"ws_connections": "1", `ws_shard_connections{shard="0"}`: "0", `ws_shard_connections{shard="1"}`: "1",
			`ws_loop_turn_seconds_count{shard="0"}`: "0", `ws_loop_turn_seconds_count{shard="1"}`: "3",
			`ws_loop_busy_ratio{shard="0"}`: "0", "ws_delivery_latency_seconds_count": "3",
		}},
		"at the very start": {func() Sources {
			s := sources()
			s.Kafka = func() kafka.Stats { return kafka.Stats{Paused: true} }
			s.Rejected = func() map[string]uint64 { return nil }
			s.Ready = func() bool { return false }
			s.Draining = func() bool { return true }
			return s
		}(), map[string]string{
			"ws_ready": "0", "ws_draining": "1", "ws_kafka_up": "0", "ws_kafka_paused": "1",
			"ws_connections": "0", "ws_delivery_latency_seconds_count": "0", `ws_connections_closed_total{code="4005"}`: "0",
			`ws_kafka_records_total{event="social"}`: "0", `ws_connections_rejected_total{reason="cpu"}`: "0",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := seriesOf(scrapeText(t, test.sources))
			for series, want := range test.want {
				if got[series] != want {
					t.Errorf("%s is %q, want %q", series, got[series], want)
				}
			}
			if t.Failed() {
				t.Log(strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
			}
		})
	}
}

// A series from the first scrape on, whatever happens later.
func TestSeriesAreThereFromTheStart(t *testing.T) {
	before := seriesOf(scrapeText(t, sources(nil, nil)))
	after := seriesOf(scrapeText(t, sources(twoShards()...)))
	for _, code := range append(wire.CloseCodes(), socket.NoStatus, socket.Abnormal) {
		if series := fmt.Sprintf("ws_connections_closed_total{code=%q}", strconv.Itoa(int(code))); before[series] != "0" {
			t.Errorf("%s is %q at the start", series, before[series])
		}
	}
	for series := range after {
		// What clients do is known only then.
		if _, ok := before[series]; !ok && !strings.HasPrefix(series, "ws_commands_total") {
			t.Errorf("%s was not there", series)
		}
	}
}

// A scrape reads published snapshots and leaves them as they are, also while
// others scrape.
func TestScrapesAtOnce(t *testing.T) {
	shards := twoShards()
	c := New(sources(shards...))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			registry := prometheus.NewRegistry()
			registry.MustRegister(c)
			for range 20 {
				if _, err := registry.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if want := fmt.Sprintf("%+v", twoShards()[0]); fmt.Sprintf("%+v", shards[0]) != want {
		t.Errorf("a scrape changed a snapshot: %+v", shards[0])
	}
}

// BenchmarkScrape is with eight shards; connections do not occur in it.
func BenchmarkScrape(b *testing.B) {
	two := twoShards()
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(sources(slices.Repeat(two, 4)...)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
