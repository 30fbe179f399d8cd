package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-multi/internal/shard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

// Sources are where a scrape looks. The functions are called at each scrape, from
// any goroutine, also at once; they must not wait. None may be nil.
type Sources struct {
	Build    version.Info
	Events   []string                 // names; kafka.Stats has its own in this order
	Shards   func() []*shard.Snapshot // by shard; nil: has said nothing yet
	History  func() History
	Guard    func() guard.Snapshot
	Kafka    func() kafka.Stats
	Rejected func() map[string]uint64 // refusals since the start, by metric.Rejects
	Ready    func() bool
	Draining func() bool
	Unlogged func() int64 // log lines that could not be written
}

// History is the router's.
type History struct {
	Bytes   int64
	Records int
	Age     time.Duration // of the oldest record
}

// Collector collects all metrics of kit/metric. Any goroutine may scrape.
type Collector struct {
	sources Sources
	descs   map[string]*prometheus.Desc // by name
}

// New is the collector of the sources, to be registered once.
func New(s Sources) *Collector {
	descs := make(map[string]*prometheus.Desc, len(metric.All()))
	for _, def := range metric.All() {
		descs[def.Name] = prometheus.NewDesc(def.Name, def.Help, def.Labels, nil)
	}
	return &Collector{sources: s, descs: descs}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, def := range metric.All() {
		to <- c.descs[def.Name]
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s := scrape{descs: c.descs, to: to}
	s.server(&c.sources)
	s.shards(c.sources.Shards())
	s.history(c.sources.History())
	s.resources(c.sources.Guard())
	s.kafka(c.sources.Kafka(), c.sources.Events)
	s.value(metric.LogLinesLost, float64(c.sources.Unlogged()))
}

// scrape is one Collect on its way.
type scrape struct {
	descs map[string]*prometheus.Desc
	to    chan<- prometheus.Metric
}

func (s scrape) value(def metric.Def, v float64, labels ...string) {
	kind := prometheus.GaugeValue
	if def.Kind == metric.Counter {
		kind = prometheus.CounterValue
	}
	s.to <- prometheus.MustNewConstMetric(s.descs[def.Name], kind, v, labels...)
}

func (s scrape) flag(def metric.Def, on bool) {
	v := 0.0
	if on {
		v = 1
	}
	s.value(def, v)
}

// histogram hands over one whose counts are by bucket; Prometheus wants them
// cumulated. One that has no counts yet is empty, of the same buckets.
func (s scrape) histogram(def metric.Def, h shard.Histogram, labels ...string) {
	upTo := make(map[float64]uint64, len(def.Buckets))
	var n uint64
	for i, bound := range def.Buckets {
		if h.Counts != nil {
			n += h.Counts[i]
		}
		upTo[bound] = n
	}
	if h.Counts != nil {
		n += h.Counts[len(def.Buckets)]
	}
	s.to <- prometheus.MustNewConstHistogram(s.descs[def.Name], n, h.Sum, upTo, labels...)
}

func (s scrape) server(from *Sources) {
	s.value(metric.BuildInfo, 1, from.Build.Architecture, from.Build.Version, from.Build.Commit)
	s.flag(metric.Ready, from.Ready())
	s.flag(metric.Draining, from.Draining())
	rejected := from.Rejected()
	for _, reason := range metric.Rejects() {
		s.value(metric.ConnectionsRejected, float64(rejected[reason]), reason)
	}
}

// shards tells of each, and then of all together. A shard that has said nothing
// yet has its series all the same, at zero: a series that appears later would
// look like a shard that was added.
func (s scrape) shards(all []*shard.Snapshot) {
	sum := newTotal()
	for i, one := range all {
		if one == nil {
			one = new(shard.Snapshot)
		}
		label := strconv.Itoa(i)
		s.value(metric.ShardConnections, float64(one.Connections), label)
		s.value(metric.LoopBusy, one.Busy, label)
		s.value(metric.LoopLag, float64(one.Lag), label)
		s.histogram(metric.LoopTurn, one.Turn, label)
		sum.add(one)
	}

	s.value(metric.Connections, float64(sum.Connections))
	s.value(metric.ConnectionsBehind, float64(sum.Behind))
	s.value(metric.ConnectionsOpened, float64(sum.Opened))
	for code, n := range sum.ClosedByCode {
		s.value(metric.ConnectionsClosed, float64(n), strconv.Itoa(int(code)))
	}
	s.value(metric.MessagesSent, float64(sum.Sent))
	s.value(metric.BytesSent, float64(sum.BytesSent))
	s.value(metric.MessagesMerged, float64(sum.Merged))
	s.value(metric.MessagesReplayed, float64(sum.Replayed))
	s.histogram(metric.DeliveryLatency, sum.Latency)
	for command, n := range sum.Commands {
		s.value(metric.Commands, float64(n), command.Type, command.Result)
	}
	s.value(metric.Resumes, float64(sum.Recovered), metric.ResumeRecovered)
	s.value(metric.Resumes, float64(sum.LostResumes), metric.ResumeLost)
}

func (s scrape) history(h History) {
	s.value(metric.HistoryBytes, float64(h.Bytes))
	s.value(metric.HistoryRecords, float64(h.Records))
	s.value(metric.HistoryAge, h.Age.Seconds())
}

func (s scrape) resources(g guard.Snapshot) {
	s.value(metric.CPU, g.CPURatio)
	s.value(metric.CPUThrottled, g.ThrottledSeconds)
	s.value(metric.Memory, float64(g.MemoryGo), metric.MemoryGo)
	s.value(metric.Memory, float64(g.MemoryNative), metric.MemoryNative)
	s.value(metric.Memory, float64(g.MemoryKernel), metric.MemoryKernel)
	s.value(metric.MemoryLimit, float64(g.MemoryLimit))
}

func (s scrape) kafka(k kafka.Stats, events []string) {
	s.flag(metric.KafkaUp, k.Up)
	s.flag(metric.KafkaPaused, k.Paused)
	for i, name := range events {
		var of kafka.EventStats
		if i < len(k.Events) { // none before the consumer has begun
			of = k.Events[i]
		}
		s.value(metric.KafkaRecords, float64(of.Records), name)
		s.value(metric.KafkaGapRecords, float64(of.GapRecords), name)
		s.value(metric.KafkaLag, float64(of.Lag), name)
	}
	for _, reason := range metric.Skips() {
		s.value(metric.KafkaRecordsSkipped, float64(k.Skipped[reason]), reason)
	}
}
