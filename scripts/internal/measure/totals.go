package measure

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/gonum/stat"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// merged are the latencies of all slices of a lane.
type merged struct{ all *hdrhistogram.Histogram }

func (m *merged) add(h *hdrhistogram.Histogram) {
	if m.all == nil {
		m.all = hdrhistogram.New(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
	}
	m.all.Merge(h)
}

// distribution is nil when nothing was delivered.
func (m *merged) distribution() *result.Distribution {
	if m.all == nil || m.all.TotalCount() == 0 {
		return nil
	}
	at := func(q float64) float64 { return float64(m.all.ValueAtQuantile(q)) / 1000 }
	d := &result.Distribution{
		Count: m.all.TotalCount(), P50MS: at(50), P90MS: at(90), P99MS: at(99), P999MS: at(99.9),
		MaxMS: float64(m.all.Max()) / 1000,
	}
	if encoded, err := m.all.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		d.Hdr = string(encoded)
	}
	return d
}

// summarize adds up a lane's slices.
func (l *lane) summarize(spoiled map[int]bool) {
	t := &l.out.Totals
	var cpu, allocs float64 // of the rounds that count
	var bytes, reads, delivered, records int64
	for _, s := range l.out.Slices {
		t.Records += s.Records
		t.Expected += s.Expected
		t.Received += s.Received
		t.Lost += s.Lost
		t.Doubled += s.Doubled
		t.Reordered += s.Reordered
		if !spoiled[s.Round] {
			cpu += s.CPUMicros
			allocs += s.Allocs
			delivered += s.Received
			records += s.Records
		}
		bytes += s.Bytes
		reads += s.Reads
	}
	if t.Received > 0 {
		n := float64(t.Received)
		t.FrameBytes = float64(bytes) / n
		t.FramesPerRead = n / float64(max(reads, 1))
	}
	if delivered > 0 {
		t.CPUPerDelivery, t.AllocsPerDelivery = cpu/float64(delivered), allocs/float64(delivered)
	}
	if records > 0 {
		t.CPUPerRecord = cpu / float64(records)
	}
	if t.Records > 0 {
		l.out.FanOut = float64(t.Expected) / float64(t.Records)
	}
	if len(l.out.Memory) > 1 {
		t.RSSPerConnection = slope(l.out.Memory, func(m result.Memory) int64 { return m.RSS })
		t.SocketsPerConn = slope(l.out.Memory, func(m result.Memory) int64 { return m.Sockets })
	}
	if len(l.out.Idle) > 0 && l.out.Connections > 0 {
		var idle []float64
		for _, r := range l.out.Idle {
			idle = append(idle, idlePerSecond(r, l.out.Connections))
		}
		t.IdleCPU = stat.Mean(idle, nil)
	}
	if d := l.latency.distribution(); d != nil {
		l.out.Latency = d
	}
	if len(l.out.LastMS) > 0 {
		l.out.LastP99MS = lastP99(l.out.LastMS)
	}
}

// summarizeFloor takes the floor's cost of all its slices and of both halves of the run.
func summarizeFloor(res *result.Result, floor *lane) {
	if floor == nil {
		return
	}
	var each []float64
	var cpu float64
	var n int64
	for _, s := range floor.out.Slices {
		if s.Disturbed == "" && s.Received > 0 {
			each = append(each, cpuPerDelivery(s))
			cpu, n = cpu+s.CPUMicros, n+s.Received
		}
	}
	if n == 0 {
		return
	}
	res.Floor = result.Floor{CPUMicros: cpu / float64(n)}
	if half := len(each) / 2; half > 0 {
		var firstErr, secondErr float64
		res.Floor.First, firstErr = meanAndError(each[:half])
		res.Floor.Second, secondErr = meanAndError(each[half:])
		res.Floor.Spread = math.Hypot(firstErr, secondErr)
	}
}

// meanAndError is the mean and its standard error.
func meanAndError(samples []float64) (mean, err float64) {
	mean, deviation := stat.MeanStdDev(samples, nil)
	if len(samples) < 2 {
		return mean, 0
	}
	return mean, deviation / math.Sqrt(float64(len(samples)))
}

// lastP99 is the 99th percentile of the last subscribers' times, less Kafka's share of each.
func lastP99(all []result.Broadcast) float64 {
	took := make([]float64, len(all))
	for i, b := range all {
		took[i] = b.Last - b.Kafka
	}
	slices.Sort(took)
	return stat.Quantile(0.99, stat.Empirical, took, nil)
}
