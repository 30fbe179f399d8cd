package promql

import (
	"fmt"
	"strings"
	"testing"
)

func TestSelectors(t *testing.T) {
	for query, want := range map[string]string{
		`up`:                    `up`,
		`ws_ready == 0 and 1`:   `ws_ready`,
		`sum by (a, b) (x) / y`: `x y`,
		`sum(x) by (a)`:         `x`,
		`max_over_time(up{job="ws", a=~"x|y"}[1d]) == 1 or vector(0)`:                      `up{job="ws",a=~"x|y"}`,
		`a:b:c / on (v) group_left () (sum(d{}) > 0)`:                                      `a:b:c d`,
		`histogram_quantile(0.99, sum by (le) (rate(h_bucket{a!="}"}[$__interval])))`:      `h_bucket{a!="}"}`,
		`time() - process_start_time_seconds{job="ws"} > 600 and on (variant) x offset 5m`: `process_start_time_seconds{job="ws"} x`,
		`rate(x[5m]) * 1e6 > 0.1`: `x`,
	} {
		found, err := Selectors(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, s := range found {
			var list []string
			for _, m := range s.Matchers {
				list = append(list, fmt.Sprintf("%s%s%q", m.Label, m.Op, m.Value))
			}
			if len(list) > 0 {
				s.Name += "{" + strings.Join(list, ",") + "}"
			}
			got = append(got, s.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", query, got, want)
		}
	}
	for _, query := range []string{`{job="ws"}`, `up{job="ws"`, `up{job=}`} {
		if found, err := Selectors(query); err == nil {
			t.Errorf("%s is understood as %v", query, found)
		}
	}
	if got := (Matcher{"code", "=~", "4001|4004"}).Values(); len(got) != 2 || got[1] != "4004" {
		t.Errorf("got %v", got)
	}
	if got := (Matcher{"code", "=", "4001|"}).Values(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestExists(t *testing.T) {
	recorded := []string{"variant:ws_connections:share"}
	for query, missing := range map[string]string{
		`sum by (variant) (ws_connections)`:                    "",
		`rate(ws_delivery_latency_seconds_bucket{le="1"}[5m])`: "",
		`variant:ws_connections:share{variant="ws-single"}`:    "",
		`up{job="ws"} and ws_ready{instance=~"$instance"}`:     "",
		`ws_connections_rejected_total{reason=~"cpu|memory"}`:  "",
		`ws_connections_closed_total{code=~"4001|1006"}`:       "",
		`ws_clients`:                                        "no metric ws_clients",
		`ws_delivery_latency_seconds`:                       "no metric ws_delivery_latency_seconds",
		`ws_connections_bucket`:                             "no metric ws_connections_bucket",
		`variant:ws_connections:ratio`:                      "no metric variant:ws_connections:ratio",
		`ws_connections{shard="0"}`:                         "no label shard",
		`ws_loop_turn_seconds_count{le="1"}`:                "no label le",
		`ws_connections_rejected_total{reason=~"cpu|disk"}`: "never disk",
		`ws_connections_closed_total{code="4003"}`:          "never 4003",
		`vector(1)`: "reads nothing",
	} {
		err := Exists(query, recorded)
		if missing == "" && err != nil || missing != "" && (err == nil || !strings.Contains(err.Error(), missing)) {
			t.Errorf("%s: got %v, want %q", query, err, missing)
		}
	}
}
