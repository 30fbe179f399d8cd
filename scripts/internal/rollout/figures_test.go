package rollout

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Prometheus' own engine evaluates the query over series that are known, of which most must not count.
func TestFigures(t *testing.T) {
	steady := []string{
		`up{v="b",i="1"} 1x60`, `up{v="b",i="2"} 1x56 0x4`, `up{v="b",i="3"} 0x60`, `up{v="a"} 1x60`,
		`ws_resumes_total{v="b",result="recovered"} 0+99x60`, `ws_resumes_total{v="b",result="lost"} 0+1x60`, `ws_resumes_total{v="a",result="lost"} 0+9x60`,
		`ws_kafka_gap_records_total{v="b",event="x"} 5x55 8x5`, `ws_kafka_gap_records_total{v="a",event="x"} 0+9x60`,
		`ws_connections_closed_total{v="b",code="4001",reason="slow"} 0+1x60`, `ws_connections_closed_total{v="b",code="1000",reason="x"} 0+9x60`,
		`ws_connections{v="b"} 100x50 400x4 300x6`, `ws_connections{v="a"} 9x60`,
		`ws_connections_rejected_total{v="b",reason="capacity"} 0+1x60`, `ws_connections_rejected_total{v="b",reason="origin"} 0+9x60`,
		`ws_connections_rejected_total{v="b",reason="token"} 0+9x60`, `ws_connections_rejected_total{v="b",reason="draining"} 0+9x60`,
		`ws_connections_total{v="b"} 0+3x60`,
		`process_start_time_seconds{v="b",i="1"} 100x54 200x6`, `process_start_time_seconds{v="b",i="2"} 100x60`, `process_start_time_seconds{v="a"} 1+1x60`,
	}
	figures := Figures{Gaps: 0.01, KafkaGaps: 3, SlowCloses: 0.03, Rejections: 0.25, Restarts: 1, known: 2, otherKnown: 1}
	latency := func(side string, fast, slow int) []string { // samples up to 10 ms and 500 ms, each 5 s
		return []string{
			fmt.Sprintf(`ws_delivery_latency_seconds_bucket{v=%q,le="0.01"} 0+%dx60`, side, fast), fmt.Sprintf(`ws_delivery_latency_seconds_bucket{v=%q,le="0.5"} 0+%dx60`, side, fast+slow),
			fmt.Sprintf(`ws_delivery_latency_seconds_bucket{v=%q,le="+Inf"} 0+%dx60`, side, fast+slow), fmt.Sprintf(`ws_delivery_latency_seconds_count{v=%q} 0+%dx60`, side, fast+slow),
		}
	}
	for _, c := range []struct {
		name       string
		series     []string
		p99, other float64 // 0: not known
	}{
		// A little more than a hundredth of the samples is slow.
		{"many samples", append(latency("b", 9890, 110), latency("a", 10000, 0)...), 0.0545454, 0.0099},
		// A fifth of 60 samples in the window is slow: the quantile is 1 - 5/60, of both.
		{"few samples", append(latency("b", 4, 1), latency("a", 100, 0)...), 0.2958333, 0.0091666},
		// One of 60, a hiccup, would be the p99.
		{"few samples, one slow", append(latency("b", 5, 0)[1:], `ws_delivery_latency_seconds_bucket{v="b",le="0.01"} 0+5x55 279+5x4`), 0.0093220, 0},
		{"none of the other's", latency("b", 1000, 0), 0.0099, 0},
		{"none", nil, 0, 0},
	} {
		want := maps.Clone(figures)
		want[P99], want[OtherP99] = c.p99, c.other
		got := evaluate(t, append(c.series, steady...), query(`v="b"`, `v="a"`, time.Minute))
		for name, value := range want {
			if at, ok := got[name]; value == 0 && ok && !math.IsNaN(at) || value != 0 && !(math.Abs(at-value) < 1e-6) {
				t.Errorf("%s: %s is %v, want %v", c.name, name, at, value)
			}
		}
		if len(got) > len(want) {
			t.Errorf("%s: there is more: %v", c.name, got)
		}
	}
}

// evaluate has promtool load the series, with a sample each 5 s, and evaluate the query at five minutes.
func evaluate(t *testing.T, series []string, expr string) map[Figure]float64 {
	t.Helper()
	var b strings.Builder
	b.WriteString("evaluation_interval: 5s\ntests:\n  - interval: 5s\n    input_series:\n")
	for _, s := range series {
		at := strings.LastIndex(s, "} ") + 1
		fmt.Fprintf(&b, "      - {series: '%s', values: '%s'}\n", s[:at], s[at+1:])
	}
	// What is expected is nothing, so that it tells what it got.
	fmt.Fprintf(&b, "    promql_expr_test:\n      - {expr: '%s', eval_time: 5m}\n", expr)
	path := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("promtool", "test", "rules", path).CombinedOutput()
	var failed *exec.ExitError
	found := regexp.MustCompile(`\{figure="(\w+)"\} ([^\s,]+)`).FindAllStringSubmatch(string(out), -1)
	if !errors.As(err, &failed) || len(found) == 0 {
		t.Fatalf("promtool, of Debian's package prometheus, has no answer: %v\n%s", err, out)
	}
	got := map[Figure]float64{}
	for _, f := range found {
		if got[Figure(f[1])], err = strconv.ParseFloat(f[2], 64); err != nil {
			t.Fatal(err)
		}
	}
	return got
}
