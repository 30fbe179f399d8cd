package baseline

import (
	"context"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Status is what a baseline tells of itself. Any goroutine may call its
// functions; they are called when somebody asks.
type Status struct {
	NotReady    func() error        // nil when every record from now on reaches its subscribers
	Connections func() int64        // open now
	Sent        func() int64        // messages to clients since the start
	Records     func() int64        // read since the start
	Also        prometheus.Gatherer // metrics of its own, may be nil
}

// ServeAdmin runs the admin listener until ctx is done. It has what bench asks a
// server under test for: /readyz, /metrics and /debug/pprof/.
func ServeAdmin(ctx context.Context, settings Settings, s Status) error {
	l, err := listen("WS_ADMIN_ADDR", settings.AdminAddr)
	if err != nil {
		return err
	}
	return Serve(ctx, l, adminHandler(s))
}

func adminHandler(s Status) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ws_connections", Help: "Connections open now.",
		}, value(s.Connections)),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "ws_messages_sent_total", Help: "Data messages handed to the kernel, one for each client.",
		}, value(s.Sent)),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "ws_kafka_records_total", Help: "Records read; the floor's come by its feed.",
		}, value(s.Records)),
	)
	from := prometheus.Gatherers{registry}
	if s.Also != nil {
		from = append(from, s.Also)
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(from, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.NotReady(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n")) // who asked may be gone
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // heap?gc=1 too
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func value(of func() int64) func() float64 {
	return func() float64 { return float64(of()) }
}
