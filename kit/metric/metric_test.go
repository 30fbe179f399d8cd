package metric_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/metric"
)

var (
	nameForm  = regexp.MustCompile(`^ws(_[a-z]+)+$`)
	labelForm = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	valueForm = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
)

// The rules are Prometheus' own
// (https://prometheus.io/docs/practices/naming/, and promlint).
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, def := range metric.All() {
		if seen[def.Name] {
			t.Errorf("%s: twice", def.Name)
		}
		seen[def.Name] = true
		if !nameForm.MatchString(def.Name) {
			t.Errorf("%s: not ws_ and lower case words", def.Name)
		}
		if strings.HasSuffix(def.Name, "_total") != (def.Kind == metric.Counter) {
			t.Errorf("%s: a %s; counters end in _total, and only they do", def.Name, def.Kind)
		}
		for _, suffix := range []string{"_count", "_sum", "_bucket"} {
			if strings.HasSuffix(def.Name, suffix) {
				t.Errorf("%s: ends like a histogram's series", def.Name)
			}
		}
		for _, unit := range []string{"ms", "milliseconds", "micros", "minutes", "kb", "mb", "kilobytes", "megabytes", "percent", "percentage", "bits"} {
			if slices.Contains(strings.Split(def.Name, "_"), unit) {
				t.Errorf("%s: %s is no base unit", def.Name, unit)
			}
		}
		for _, kind := range []metric.Kind{metric.Counter, metric.Gauge, metric.Histogram} {
			if slices.Contains(strings.Split(def.Name, "_"), string(kind)) {
				t.Errorf("%s: names its kind", def.Name)
			}
		}
	}
}

func TestHelpSaysUnitAndMeaning(t *testing.T) {
	units := regexp.MustCompile(`^(Number of|Bytes|Seconds|Share of|CPU time .* share, 0 to 1|1 when|1 while|Constant 1)`)
	for _, def := range metric.All() {
		if !units.MatchString(def.Help) || !strings.HasSuffix(def.Help, ".") {
			t.Errorf("%s: the help %q does not begin with its unit or end with a full stop", def.Name, def.Help)
		}
		for suffix, word := range map[string]string{"_bytes": "Bytes", "_bytes_total": "Bytes", "_seconds": "Seconds", "_seconds_total": "Seconds"} {
			if strings.HasSuffix(def.Name, suffix) && !strings.HasPrefix(def.Help, word) {
				t.Errorf("%s: the help %q gives another unit", def.Name, def.Help)
			}
		}
	}
}

func TestLabelsAndBuckets(t *testing.T) {
	for _, def := range metric.All() {
		for i, label := range def.Labels {
			if !labelForm.MatchString(label) || slices.Contains(def.Labels[:i], label) || strings.Contains(def.Name, "_by_") {
				t.Errorf("%s: label %q", def.Name, label)
			}
			for _, unbounded := range []string{"channel", "symbol", "user", "sub", "subject", "addr", "address", "conn", "le", "quantile"} {
				if label == unbounded {
					t.Errorf("%s: the label %s has no bound, or a meaning of its own", def.Name, label)
				}
			}
		}
		if (def.Kind == metric.Histogram) != (len(def.Buckets) > 0) {
			t.Errorf("%s: a %s with buckets %v", def.Name, def.Kind, def.Buckets)
		}
		if !slices.IsSorted(def.Buckets) || len(slices.Compact(slices.Clone(def.Buckets))) != len(def.Buckets) {
			t.Errorf("%s: buckets do not ascend: %v", def.Name, def.Buckets)
		}
	}
	bounds := func(def metric.Def) [2]float64 { return [2]float64{slices.Min(def.Buckets), slices.Max(def.Buckets)} }
	if got := bounds(metric.DeliveryLatency); got != [2]float64{0.0005, 10} {
		t.Errorf("delivery latency is measured from %v to %v s", got[0], got[1])
	}
	if got := bounds(metric.LoopTurn); got != [2]float64{0.00005, 1} {
		t.Errorf("a turn is measured from %v to %v s", got[0], got[1])
	}
}

// The table of what dashboards, alerts and autoscaling rest on: a change here
// breaks them.
func TestMetricsAreThese(t *testing.T) {
	want := map[string]string{
		"ws_build_info":  "gauge architecture version commit",
		"ws_connections": "gauge", "ws_connections_behind": "gauge",
		"ws_connections_total": "counter", "ws_connections_closed_total": "counter code", "ws_connections_rejected_total": "counter reason",
		"ws_messages_sent_total": "counter", "ws_bytes_sent_total": "counter", "ws_messages_merged_total": "counter", "ws_messages_replayed_total": "counter",
		"ws_delivery_latency_seconds": "histogram",
		"ws_commands_total":           "counter type result", "ws_resumes_total": "counter result",
		"ws_kafka_records_total": "counter event", "ws_kafka_records_skipped_total": "counter reason",
		"ws_kafka_gap_records_total": "counter event", "ws_kafka_lag_records": "gauge event",
		"ws_kafka_up": "gauge", "ws_kafka_paused": "gauge", "ws_ready": "gauge", "ws_draining": "gauge",
		"ws_history_bytes": "gauge", "ws_history_records": "gauge", "ws_history_age_seconds": "gauge",
		"ws_loop_busy_ratio": "gauge shard", "ws_loop_turn_seconds": "histogram shard", "ws_loop_lag_records": "gauge shard", "ws_shard_connections": "gauge shard",
		"ws_cpu_ratio": "gauge", "ws_cpu_throttled_seconds_total": "counter", "ws_memory_bytes": "gauge kind", "ws_memory_limit_bytes": "gauge",
		"ws_log_lines_lost_total": "counter",
	}
	for _, def := range metric.All() {
		got := strings.Join(append([]string{string(def.Kind)}, def.Labels...), " ")
		if got != want[def.Name] {
			t.Errorf("%s: %s, want %q", def.Name, got, want[def.Name])
		}
		delete(want, def.Name)
	}
	for name := range want {
		t.Errorf("%s is missing from All", name)
	}
}

func TestAllHasEveryVariable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "def.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	variables := 0
	for _, decl := range file.Decls {
		if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.VAR {
			variables += len(group.Specs)
		}
	}
	if got := len(metric.All()); got != variables || got == 0 {
		t.Errorf("All lists %d of %d metrics", got, variables)
	}
}

func TestLabelValues(t *testing.T) {
	for name, values := range map[string][]string{
		"rejects": metric.Rejects(), "skips": metric.Skips(), "resumes": metric.Resumed(), "memory kinds": metric.MemoryKinds(),
		"commands": {metric.CommandOK, metric.CommandOther},
	} {
		for i, value := range values {
			if !valueForm.MatchString(value) || slices.Contains(values[:i], value) {
				t.Errorf("%s: value %q", name, value)
			}
		}
	}
	// Every constant of label.go stands in its list.
	file, err := parser.ParseFile(token.NewFileSet(), "label.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := 0
	for _, decl := range file.Decls {
		if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.CONST {
			constants += len(group.Specs)
		}
	}
	listed := len(metric.Rejects()) + len(metric.Skips()) + len(metric.Resumed()) + len(metric.MemoryKinds())
	const notListed = 3 // CommandOther, CommandOK, CodeNone
	if listed+notListed != constants {
		t.Errorf("%d of %d constants are listed", listed, constants-notListed)
	}
}
