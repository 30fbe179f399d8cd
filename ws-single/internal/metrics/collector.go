// Package metrics gives Prometheus what the server's parts publish about
// themselves. Nothing is counted here: a scrape reads the newest snapshots, so it
// takes nothing from the delivery path and answers when the loop does not.
package metrics

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-single/internal/loop"
	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

// Sources are where the figures come from. All functions are called from any
// goroutine, at every scrape.
type Sources struct {
	Build    version.Info
	Events   []string
	Loop     func() *loop.Snapshot
	Guard    func() guard.Snapshot
	Kafka    func() kafka.Stats
	Rejected func() map[string]uint64
	Ready    func() bool
	Draining func() bool
	LogLost  func() int64 // log lines that could not be written
}

// Collector is the prometheus.Collector of all metrics of kit/metric.
type Collector struct {
	s     Sources
	descs map[string]*prometheus.Desc
}

// New returns a collector to register.
func New(s Sources) *Collector {
	c := &Collector{s: s, descs: make(map[string]*prometheus.Desc)}
	for _, d := range metric.All() {
		c.descs[d.Name] = prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// shard is the label of the one loop: shard 0, as in a variant with several.
const shard = "0"

// Collect implements prometheus.Collector. Any goroutine.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	out := func(d metric.Def, v float64, labels ...string) {
		kind := prometheus.GaugeValue
		if d.Kind == metric.Counter {
			kind = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(c.descs[d.Name], kind, v, labels...)
	}
	histogram := func(d metric.Def, h *loop.Histogram, labels ...string) {
		buckets := make(map[float64]uint64, len(h.Bounds))
		var n uint64
		for i, bound := range h.Bounds {
			n += h.Counts[i]
			buckets[bound] = n
		}
		n += h.Counts[len(h.Bounds)]
		ch <- prometheus.MustNewConstHistogram(c.descs[d.Name], n, h.Sum, buckets, labels...)
	}

	out(metric.BuildInfo, 1, c.s.Build.Architecture, c.s.Build.Version, c.s.Build.Commit)
	out(metric.Ready, number(c.s.Ready()))
	out(metric.Draining, number(c.s.Draining()))
	rejected := c.s.Rejected()
	for _, reason := range metric.Rejects() {
		out(metric.ConnectionsRejected, float64(rejected[reason]), reason)
	}

	s := c.s.Loop()
	out(metric.Connections, float64(s.Connections))
	out(metric.ShardConnections, float64(s.Connections), shard)
	out(metric.ConnectionsBehind, float64(s.Behind))
	out(metric.ConnectionsOpened, float64(s.Opened))
	for _, code := range slices.Sorted(maps.Keys(s.ClosedByCode)) {
		out(metric.ConnectionsClosed, float64(s.ClosedByCode[code]), strconv.Itoa(int(code)))
	}
	out(metric.MessagesSent, float64(s.Sent))
	out(metric.BytesSent, float64(s.BytesSent))
	out(metric.MessagesMerged, float64(s.Merged))
	out(metric.MessagesReplayed, float64(s.Replayed))
	histogram(metric.DeliveryLatency, &s.Latency)
	for r, n := range s.Commands {
		out(metric.Commands, float64(n), r.Type, r.Result)
	}
	out(metric.Resumes, float64(s.Recovered), metric.ResumeRecovered)
	out(metric.Resumes, float64(s.LostResumes), metric.ResumeLost)
	out(metric.HistoryBytes, float64(s.HistoryBytes))
	out(metric.HistoryRecords, float64(s.HistoryRecords))
	out(metric.HistoryAge, s.HistoryAge.Seconds())
	out(metric.LoopBusy, s.Busy, shard)
	histogram(metric.LoopTurn, &s.Turn, shard)
	out(metric.LoopLag, float64(s.Lag), shard)

	g := c.s.Guard()
	out(metric.CPU, g.CPURatio)
	out(metric.CPUThrottled, g.ThrottledSeconds)
	out(metric.Memory, float64(g.MemoryGo), metric.MemoryGo)
	out(metric.Memory, float64(g.MemoryNative), metric.MemoryNative)
	out(metric.Memory, float64(g.MemoryKernel), metric.MemoryKernel)
	out(metric.MemoryLimit, float64(g.MemoryLimit))
	out(metric.LogLinesLost, float64(c.s.LogLost()))

	c.kafka(out)
}

func (c *Collector) kafka(out func(metric.Def, float64, ...string)) {
	k := c.s.Kafka()
	out(metric.KafkaUp, number(k.Up))
	out(metric.KafkaPaused, number(k.Paused))
	for i, event := range c.s.Events {
		e := &k.Events[i]
		out(metric.KafkaRecords, float64(e.Records), event)
		out(metric.KafkaGapRecords, float64(e.GapRecords), event)
		out(metric.KafkaLag, float64(e.Lag), event)
	}
	for _, s := range k.Skipped {
		out(metric.KafkaRecordsSkipped, float64(s.Count), s.Reason)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
