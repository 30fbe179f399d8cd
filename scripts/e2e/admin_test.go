package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestPublicListener(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		resp := s.Public(t, "/health", nil)
		var body struct {
			Status  string `json:"status"`
			Healthy *bool  `json:"healthy"`
			Checks  struct {
				Capacity struct {
					Current *int `json:"current"`
				} `json:"capacity"`
				CPU struct {
					Percentage *float64 `json:"percentage"`
				} `json:"cpu"`
				Memory struct {
					Percentage *float64 `json:"percentage"`
				} `json:"memory"`
				Kafka any `json:"kafka"`
			} `json:"checks"`
		}
		if err := json.Unmarshal(resp.Body, &body); err != nil {
			t.Fatalf("%v: %s", err, resp.Body)
		}
		c := body.Checks
		if resp.StatusCode != http.StatusOK || body.Status == "" || body.Healthy == nil || !*body.Healthy ||
			c.Capacity.Current == nil || c.CPU.Percentage == nil || c.Memory.Percentage == nil || c.Kafka == nil {
			t.Errorf("/health: got %d %s", resp.StatusCode, resp.Body)
		}
		for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/version", "/drain", "/rebalance", "/debug/pprof/", "/ws/", "/health/"} {
			if resp := s.Public(t, path, nil); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s on the public listener: got %d", path, resp.StatusCode)
			}
		}
		if resp := s.Public(t, "/ws", nil); resp.StatusCode/100 != 4 {
			t.Errorf("/ws without an upgrade: got %d %s", resp.StatusCode, resp.Body)
		}
	})
}

func TestAdminListener(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		for _, path := range []string{"/healthz", "/readyz", "/version", "/metrics", "/debug/pprof/", "/debug/pprof/goroutine?debug=1"} {
			if resp := s.Get(t, path); resp.StatusCode != http.StatusOK || len(resp.Body) == 0 {
				t.Errorf("%s: got %d %q", path, resp.StatusCode, resp.Body)
			}
		}
		for _, path := range []string{"/drain", "/rebalance?connections=1"} {
			if resp := s.Get(t, path); resp.StatusCode/100 != 4 {
				t.Errorf("GET %s: got %d", path, resp.StatusCode)
			}
		}
		var version map[string]any
		if err := json.Unmarshal(s.Get(t, "/version").Body, &version); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"architecture", "version", "status", "optimized_for", "max_connections", "cpu_cores"} {
			if _, ok := version[name]; !ok {
				t.Errorf("/version lacks %s: %v", name, version)
			}
		}
		code, out := program(t, v, nil, "version")
		if code != 0 || !strings.Contains(out, version["version"].(string)) {
			t.Errorf("version ended with %d: %s", code, out)
		}
		if code, out := program(t, v, stage.Settings{"WS_ADMIN_ADDR": s.AdminAddr}, "healthcheck"); code != 0 {
			t.Errorf("healthcheck of a healthy server ended with %d: %s", code, out)
		}
		if code, _ := program(t, v, nil, "healthcheck"); code == 0 {
			t.Error("healthcheck of no server ended with 0")
		}
	})
}

// Reachable from elsewhere, the admin listener asks for its token where
// something can be done or seen.
func TestAdminToken(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 1, "trade")
		open := func() string {
			addr, err := variant.FreeAddr()
			if err != nil {
				t.Fatal(err)
			}
			return strings.Replace(addr, "127.0.0.1", "0.0.0.0", 1)
		}
		ask := func(s *stage.Server, method, path, token string) int {
			h := http.Header{}
			if token != "" {
				h.Set("Authorization", "Bearer "+token)
			}
			resp, err := variant.Do(stage.Within(t), method, "http://"+strings.Replace(s.AdminAddr, "0.0.0.0", "127.0.0.1", 1)+path, h)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode
		}
		with := start(t, v, tp, stage.Settings{"WS_ADMIN_ADDR": open(), "WS_ADMIN_TOKEN": "an-admin-token-of-some-length"})
		without := start(t, v, tp, stage.Settings{"WS_ADMIN_ADDR": open()})
		denied := []int{http.StatusUnauthorized, http.StatusForbidden}
		for _, s := range []*stage.Server{with, without} {
			for _, path := range []string{"/healthz", "/readyz", "/version", "/metrics"} {
				if code := ask(s, http.MethodGet, path, ""); code != http.StatusOK {
					t.Errorf("GET %s: got %d", path, code)
				}
			}
			for _, token := range []string{"", "wrong"} {
				if code := ask(s, http.MethodGet, "/debug/pprof/", token); !slices.Contains(denied, code) {
					t.Errorf("pprof with token %q: got %d", token, code)
				}
				if code := ask(s, http.MethodPost, "/drain", token); !slices.Contains(denied, code) {
					t.Errorf("drain with token %q: got %d", token, code)
				}
			}
		}
		if code := ask(with, http.MethodGet, "/debug/pprof/", "an-admin-token-of-some-length"); code != http.StatusOK {
			t.Errorf("pprof with the token: got %d", code)
		}
		if code := ask(with, http.MethodPost, "/rebalance?connections=1&rate=1", "an-admin-token-of-some-length"); code/100 != 2 {
			t.Errorf("rebalance with the token: got %d", code)
		}
		if strings.Contains(with.Process.Logs(), "an-admin-token-of-some-length") {
			t.Error("the admin token stands in the log")
		}
	})
}

// Every metric of kit/metric is there, of its kind and with its labels, and
// no label holds what clients or records choose.
func TestMetrics(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, nil)
		x := "UNIQUE" + stage.Symbol()
		c := stage.DialWith(t, s, check.Options{LocalIP: []byte{127, 0, 9, 77}})
		beginning := c.Join(x + ".trade").Cursor
		c.Raw(`{"type":"` + x + `"}`)
		tp.Count(t, "trade", x, 1, 10)
		c.Counts(x+".trade", 1, 10)
		stage.Dial(t, s).Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 3})
		resumed := stage.Dial(t, s)
		resumed.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: beginning})
		resumed.Counts(x+".trade", 1, 10)
		resumed.Replay(10)
		stage.Dial(t, s).Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: "another", At: []int64{}}}})
		c.Raw(`{"type":"heartbeat"}`)
		stage.Dial(t, s).Close()
		tp.Publish(t, stage.Record{Event: "trade", Value: []byte("1")})
		stage.Eventually(t, "the metrics to tell of it", func() bool {
			return s.Metric(t, "ws_messages_sent_total") == 23 && s.Metric(t, "ws_messages_replayed_total") == 13 &&
				s.Metric(t, "ws_resumes_total", "result", "recovered") == 1 && s.Metric(t, "ws_resumes_total", "result", "lost") == 1 &&
				s.Metric(t, "ws_kafka_records_total", "event", "trade") == 11 && s.Metric(t, "ws_kafka_records_skipped_total") == 1 &&
				s.Metric(t, "ws_connections_total") == 5 && s.Metric(t, "ws_connections") == 4 && s.Metric(t, "ws_history_records") == 10
		})
		families, err := s.Process.Metrics(stage.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[metric.Kind]dto.MetricType{metric.Counter: dto.MetricType_COUNTER, metric.Gauge: dto.MetricType_GAUGE, metric.Histogram: dto.MetricType_HISTOGRAM}
		known := map[string]bool{}
		for _, def := range metric.All() {
			known[def.Name] = true
			family, ok := families[def.Name]
			if !ok {
				// A labelled one has no series before its first event.
				if len(def.Labels) == 0 {
					t.Errorf("%s is missing", def.Name)
				}
				continue
			}
			if family.GetType() != kinds[def.Kind] || family.GetHelp() != def.Help {
				t.Errorf("%s is a %v: %s", def.Name, family.GetType(), family.GetHelp())
			}
			for _, series := range family.GetMetric() {
				var labels []string
				for _, pair := range series.GetLabel() {
					labels = append(labels, pair.GetName())
				}
				if !stage.SameSet(labels, def.Labels) {
					t.Errorf("%s has the labels %v, want %v", def.Name, labels, def.Labels)
				}
			}
		}
		unbounded := regexp.MustCompile(regexp.QuoteMeta(x) + `|127\.0\.|` + regexp.QuoteMeta(c.Welcome.Conn))
		for name, family := range families {
			if strings.HasPrefix(name, "ws_") && !known[name] {
				t.Errorf("%s is not in kit/metric", name)
			}
			for _, series := range family.GetMetric() {
				for _, pair := range series.GetLabel() {
					if unbounded.MatchString(pair.GetValue()) {
						t.Errorf("%s has %s=%q", name, pair.GetName(), pair.GetValue())
					}
				}
			}
		}
		m := variant.Metrics(families)
		for _, always := range []string{"ws_build_info", "ws_ready", "ws_kafka_up", "ws_delivery_latency_seconds", "ws_bytes_sent_total", "ws_memory_bytes", "ws_loop_turn_seconds"} {
			if m.Sum(always) == 0 {
				t.Errorf("%s is 0", always)
			}
		}
	})
}
