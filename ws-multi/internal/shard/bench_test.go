package shard

import (
	"runtime"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// BenchmarkDelivery is one record to each of a thousand live connections, from
// its publication to the kernel's taking the last frame. The clients' side is
// emptied with the clock stopped.
func BenchmarkDelivery(b *testing.B) {
	const clients, between = 1000, 64
	w := crowd(b, clients)
	var before, after runtime.MemStats
	mallocs := uint64(0)
	records := 0
	sent := w.counts.Sent
	runtime.ReadMemStats(&before)
	for b.Loop() {
		w.record("A", 0, 0, `{"price":"67000.5","volume":"0.25","side":"buy"}`)
		if records++; records%between == 0 {
			b.StopTimer()
			runtime.ReadMemStats(&after)
			mallocs += after.Mallocs - before.Mallocs
			w.drop()
			runtime.ReadMemStats(&before)
			b.StartTimer()
		}
	}
	runtime.ReadMemStats(&after)
	mallocs += after.Mallocs - before.Mallocs
	deliveries := float64(records * clients)
	if w.counts.Sent-sent != uint64(deliveries) {
		b.Fatalf("%d were sent instead of %.0f", w.counts.Sent-sent, deliveries)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
	b.ReportMetric(float64(mallocs)/deliveries, "allocs/delivery")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkOffer is the marking alone: finding who wants a record, and noting it.
func BenchmarkOffer(b *testing.B) {
	const clients, records = 1000, 100
	w := newStepped(b, testOptions(), history.Options{})
	w.deaf(clients)
	for b.Loop() {
		b.StopTimer()
		for range records {
			w.write("A", 0, 0, "1")
		}
		w.source.log.Publish(1)
		w.load()
		w.due = w.due[:0]
		for !w.marked.empty() {
			w.seats[w.marked.pop()] = seat{state: live}
		}
		b.StartTimer()
		for w.offer() {
		}
	}
	if len(w.due) != clients*records {
		b.Fatalf("%d marks", len(w.due))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*clients*records), "ns/mark")
	b.ReportMetric(0, "ns/op")
}
