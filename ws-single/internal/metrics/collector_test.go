package metrics

import (
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/loop"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// scrape is what Prometheus reads of a server whose loop is l.
func scrape(t *testing.T, l *loop.Loop) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(Sources{
		Loop: l.Snapshot, Guard: func() guard.Snapshot { return guard.Snapshot{} }, Kafka: func() kafka.Stats { return kafka.Stats{} },
		Rejected: func() map[string]uint64 { return nil }, Ready: func() bool { return false }, Draining: func() bool { return false },
		LogLost: func() int64 { return 0 },
	}))
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("%d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// Every close code has its series before the first close: a rate does not see
// the first of a series that begins with it.
func TestCloseCodesFromTheStart(t *testing.T) {
	text := scrape(t, loop.New(nil, loop.Options{Log: slog.New(slog.DiscardHandler)}))
	codes := append(wire.CloseCodes(), socket.NoStatus, socket.Abnormal)
	for _, code := range codes {
		if series := `ws_connections_closed_total{code="` + strconv.Itoa(int(code)) + `"} 0`; !strings.Contains(text, series+"\n") {
			t.Errorf("no %s", series)
		}
	}
	if n := strings.Count(text, "ws_connections_closed_total{"); n != len(codes) {
		t.Errorf("%d series, want %d", n, len(codes))
	}
}
