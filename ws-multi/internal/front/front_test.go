package front

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

func TestWhatIsThere(t *testing.T) {
	w := open(t, guard.Limits{}, nil)
	upgrade := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	for _, test := range []struct {
		method, path string
		header       http.Header
		status       int
		code         string
	}{
		{"GET", "/ws", nil, 426, "upgrade_required"},
		{"POST", "/ws", nil, 426, "upgrade_required"},
		{"GET", "/ws?token=x", nil, 426, "upgrade_required"},
		{"POST", "/ws", upgrade, 405, "method_not_allowed"},
		{"POST", "/health", nil, 405, "method_not_allowed"},
		{"DELETE", "/health", nil, 405, "method_not_allowed"},
		{"GET", "/", nil, 404, "not_found"},
		{"GET", "/ws/", nil, 404, "not_found"},
		{"GET", "//ws", upgrade, 404, "not_found"},
		{"GET", "/x/../ws", upgrade, 404, "not_found"},
		{"GET", "/WS", upgrade, 404, "not_found"},
		{"GET", "/health/", nil, 404, "not_found"},
		{"GET", "/healthz", nil, 404, "not_found"},
		{"GET", "/metrics", nil, 404, "not_found"},
		{"GET", "/debug/pprof/", nil, 404, "not_found"},
		{"POST", "/drain", nil, 404, "not_found"},
		{"OPTIONS", "/", nil, 404, "not_found"},
	} {
		response := w.ask(t, test.method, test.path, test.header)
		body := problem(t, response)
		if response.StatusCode != test.status || body.Code != test.code || body.Temporary {
			t.Errorf("%s %s: %d %+v", test.method, test.path, response.StatusCode, body)
		}
		switch h := response.Header; {
		case test.status == 404 && !(strings.Contains(body.Message, "/ws") && strings.Contains(body.Message, "/health")):
			t.Errorf("%s %s: does not say what is there: %s", test.method, test.path, body.Message)
		case test.status == 426 && h.Get("Upgrade") != "websocket":
			t.Errorf("%s %s: %v", test.method, test.path, h)
		case test.status == 405 && !strings.HasPrefix(h.Get("Allow"), "GET"):
			t.Errorf("%s %s: %v", test.method, test.path, h)
		}
	}
	if n := w.o.Guard.Open(); n != 0 || len(w.taken()) != 0 {
		t.Errorf("%d places, %d taken", n, len(w.taken()))
	}
}

// Who announces a body and does not send it, or only a part, is not waited for.
func TestBodiesAreNotWaitedFor(t *testing.T) {
	w := open(t, guard.Limits{}, nil)
	for _, rest := range []string{"Content-Length: 10\r\n\r\n", "Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n"} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(c, "POST /health HTTP/1.1\r\nHost: x\r\n"+rest); err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 405 ") {
			t.Errorf("%q: %q, %v", rest, all, err)
		}
	}
}

// The body is a contract with load balancers and dashboards.
func TestHealth(t *testing.T) {
	var says Health
	w := open(t, guard.Limits{}, func(o *Options) { o.Health = func() Health { return says } })
	full := Health{Status: StatusNotReady, Reason: "behind"}
	full.Checks.Capacity = Capacity{Current: 7, Max: 50000}
	full.Checks.CPU.Percentage, full.Checks.Memory.Percentage = 12.5, 80
	full.Checks.Kafka = Kafka{Connected: true, Paused: true, Lag: 9}
	for _, test := range []struct {
		says   Health
		status int
		body   string
	}{
		{Health{Status: StatusOK, Healthy: true}, 200,
			`{"status":"ok","healthy":true,"checks":{"capacity":{"current":0,"max":0},"cpu":{"percentage":0},"memory":{"percentage":0},"kafka":{"connected":false,"paused":false,"lag":0}}}`},
		{full, 503,
			`{"status":"not_ready","healthy":false,"reason":"behind","checks":{"capacity":{"current":7,"max":50000},"cpu":{"percentage":12.5},"memory":{"percentage":80},"kafka":{"connected":true,"paused":true,"lag":9}}}`},
		{Health{Status: StatusDraining}, 503,
			`{"status":"draining","healthy":false,"checks":{"capacity":{"current":0,"max":0},"cpu":{"percentage":0},"memory":{"percentage":0},"kafka":{"connected":false,"paused":false,"lag":0}}}`},
	} {
		says = test.says
		response := w.ask(t, http.MethodGet, "/health", nil)
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != test.status || string(body) != test.body+"\n" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s\nwant %d %s", response.StatusCode, body, test.status, test.body)
		}
		if head := w.ask(t, http.MethodHead, "/health", nil); head.StatusCode != test.status {
			t.Errorf("HEAD: %d", head.StatusCode)
		}
	}
	says = Health{Healthy: true}
	says.Checks.CPU.Percentage = math.NaN()
	if response := w.ask(t, http.MethodGet, "/health", nil); response.StatusCode != http.StatusInternalServerError || problem(t, response).Code != "internal" {
		t.Errorf("%d", response.StatusCode)
	}
}

func TestRefusalsAreReportedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newRefusals(slog.New(slog.NewTextHandler(&out, nil)))
		lines := func() (all []string) {
			all = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			out.Reset()
			return all
		}
		r.add(metric.RejectCPU, "first")
		for range 99 {
			r.add(metric.RejectOrigin, "later")
		}
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], "count=1 ") || !strings.Contains(got[0], "latest_reason=cpu") || !strings.Contains(got[0], "latest=first") {
			t.Errorf("%q", got)
		}
		time.Sleep(reportPause - time.Nanosecond)
		r.add(metric.RejectOrigin, "just before")
		if got := out.String(); got != "" {
			t.Errorf("%q", got)
		}
		time.Sleep(time.Nanosecond)
		r.add(metric.RejectRate, "due")
		r.add(metric.RejectRate, "not due")
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], "count=101 ") || !strings.Contains(got[0], "latest_reason=rate") {
			t.Errorf("%q", got)
		}
		// A steady storm: a line in reportPause, and no refusal missing.
		for range 60 {
			time.Sleep(time.Second)
			r.add(metric.RejectRate, "storm")
		}
		if got := lines(); len(got) != 6 {
			t.Errorf("%d lines in a minute: %q", len(got), got)
		}
		r.add("a reason that nobody knows", "")
		if got := r.counts(); got[metric.RejectOrigin] != 100 || got[metric.RejectRate] != 62 || len(got) != len(metric.Rejects()) {
			t.Errorf("%v", got)
		}
	})
}

func TestLogHoldsNoToken(t *testing.T) {
	var out safeBuffer
	w := open(t, guard.Limits{}, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Verifier = verifierOf(t)
	})
	good, bad := tokenOf(t, "ann", time.Hour), tokenOf(t, "bob", -time.Hour)
	w.welcomed(t, bearer(good))
	w.closed(t, bearer(bad), 4501)
	w.closed(t, nil, 4501, "ws.v1", "bearer."+bad)
	eventually(t, "the log", func() bool { return strings.Contains(out.String(), "refused") })
	for _, part := range append(strings.Split(good, "."), strings.Split(bad, ".")...) {
		if strings.Contains(out.String(), part) {
			t.Errorf("a part of a token stands in the log:\n%s", out.String())
		}
	}
}
