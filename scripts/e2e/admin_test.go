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
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestPublicListener(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		resp, err := s.Public(within(t), "/health", nil)
		if err != nil {
			t.Fatal(err)
		}
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
			resp, err := s.Public(within(t), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s on the public listener: got %d", path, resp.StatusCode)
			}
		}
		resp, err = s.Public(within(t), "/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode/100 != 4 {
			t.Errorf("/ws without an upgrade: got %d %s", resp.StatusCode, resp.Body)
		}
	})
}

func TestAdminListener(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		for _, path := range []string{"/healthz", "/readyz", "/version", "/metrics", "/debug/pprof/", "/debug/pprof/goroutine?debug=1"} {
			if resp := s.get(t, path); resp.StatusCode != http.StatusOK || len(resp.Body) == 0 {
				t.Errorf("%s: got %d %q", path, resp.StatusCode, resp.Body)
			}
		}
		for _, path := range []string{"/drain", "/rebalance?connections=1"} {
			if resp := s.get(t, path); resp.StatusCode/100 != 4 {
				t.Errorf("GET %s: got %d", path, resp.StatusCode)
			}
		}
		var version map[string]any
		if err := json.Unmarshal(s.get(t, "/version").Body, &version); err != nil {
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
		if code, out := program(t, v, settings{"WS_ADMIN_ADDR": s.AdminAddr}, "healthcheck"); code != 0 {
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
		tp := makeTopics(t, suite.brokers, 1, "trade")
		open := func() string {
			addr, err := variant.FreeAddr()
			if err != nil {
				t.Fatal(err)
			}
			return strings.Replace(addr, "127.0.0.1", "0.0.0.0", 1)
		}
		ask := func(s *server, method, path, token string) int {
			h := http.Header{}
			if token != "" {
				h.Set("Authorization", "Bearer "+token)
			}
			resp, err := variant.Do(within(t), method, "http://"+strings.Replace(s.AdminAddr, "0.0.0.0", "127.0.0.1", 1)+path, h)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode
		}
		with := start(t, v, tp, settings{"WS_ADMIN_ADDR": open(), "WS_ADMIN_TOKEN": "an-admin-token-of-some-length"})
		without := start(t, v, tp, settings{"WS_ADMIN_ADDR": open()})
		denied := []int{http.StatusUnauthorized, http.StatusForbidden}
		for _, s := range []*server{with, without} {
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
		if strings.Contains(with.Logs(), "an-admin-token-of-some-length") {
			t.Error("the admin token stands in the log")
		}
	})
}

// Every metric of kit/metric is there, of its kind and with its labels, and
// no label holds what clients or records choose.
func TestMetrics(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, nil)
		x := "UNIQUE" + symbol()
		c := dialWith(t, s, check.Options{LocalIP: []byte{127, 0, 9, 77}})
		c.subscribe(x + ".trade")
		c.raw(`{"type":"` + x + `"}`)
		tp.count(t, "trade", x, 1, 10)
		c.counts(x+".trade", 1, 10)
		dial(t, s).acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 3})
		c.raw(`{"type":"heartbeat"}`)
		dial(t, s).Close()
		tp.publish(t, record{event: "trade", value: []byte("1")})
		eventually(t, "the metrics to tell of it", func() bool {
			return s.metric(t, "ws_messages_sent_total") == 13 && s.metric(t, "ws_messages_replayed_total") == 3 &&
				s.metric(t, "ws_kafka_records_total", "event", "trade") == 11 && s.metric(t, "ws_kafka_records_skipped_total") == 1 &&
				s.metric(t, "ws_connections_total") == 3 && s.metric(t, "ws_connections") == 2 && s.metric(t, "ws_history_records") == 10
		})
		families, err := s.Metrics(within(t))
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
				if !sameSet(labels, def.Labels) {
					t.Errorf("%s has the labels %v, want %v", def.Name, labels, def.Labels)
				}
			}
		}
		unbounded := regexp.MustCompile(regexp.QuoteMeta(x) + `|127\.0\.|` + regexp.QuoteMeta(c.welcome.Conn))
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
