package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/adred-codev/ws_poc/kit/metric"
)

// Figure names a figure of one side, as the limits file does.
type Figure string

// The figures, each over the window.
const (
	Gaps       Figure = "gaps"        // lost resumes, share of resumes, 0 to 1
	KafkaGaps  Figure = "kafka_gaps"  // offsets
	SlowCloses Figure = "slow_closes" // share of the connections open
	Rejections Figure = "rejections"  // share of arrivals
	P99        Figure = "p99"         // seconds
	OtherP99   Figure = "other_p99"   // seconds, of the side that is not watched
	Restarts   Figure = "restarts"
	known      Figure = "known" // targets that Prometheus has scraped
	otherKnown Figure = "other_known"
)

// Figures are values by name. One that is missing is not known: no series, or too few samples in the window. NaN is a share of
// nothing.
type Figures map[Figure]float64

// query asks for all figures at one moment: an instant vector of which each element's label figure is the name.
func query(watched, other string, window time.Duration) string {
	of := func(def metric.Def, more ...string) string {
		return def.Name + "{" + strings.Join(append(more, watched), ",") + "}"
	}
	over := fmt.Sprintf("[%ds]", max(1, int(window.Seconds())))
	increase := func(series string) string { return "sum(increase(" + series + over + "))" }
	lost := increase(of(metric.Resumes, `result="`+metric.ResumeLost+`"`))
	refused := increase(of(metric.ConnectionsRejected,
		fmt.Sprintf(`reason!~"%s|%s|%s"`, metric.RejectOrigin, metric.RejectToken, metric.RejectDraining)))
	// One sample a sweep: of fewer than 500 the p99 is one of the few worst, which a hiccup of the machine makes. Then it is the
	// highest quantile, of both sides the same, that five samples of either lie above.
	samples := func(side string) string {
		return fmt.Sprintf("sum(increase(%s_count{%s}%s))", metric.DeliveryLatency.Name, side, over)
	}
	fewer := fmt.Sprintf(`min(label_replace(%s, "side", "watched", "", "") > 0 or %s > 0)`, samples(watched), samples(other))
	p99 := func(side string) string {
		return fmt.Sprintf("histogram_quantile(scalar(clamp(1 - 5 / %s, 0.5, 0.99)), sum by (le) (rate(%s_bucket{%s}%s)))",
			fewer, metric.DeliveryLatency.Name, side, over)
	}
	var all []string
	for _, f := range []struct {
		name Figure
		expr string
	}{
		{Gaps, lost + " / " + increase(of(metric.Resumes))},
		{KafkaGaps, increase(of(metric.KafkaGapRecords))},
		// The most that were open: those that were closed were among them.
		{SlowCloses, increase(of(metric.ConnectionsClosed, `code="4001"`)) + " / sum(max_over_time(" + of(metric.Connections) + over + "))"},
		{Rejections, refused + " / (" + refused + " + " + increase(of(metric.ConnectionsOpened)) + ")"},
		{P99, p99(watched)},
		{OtherP99, p99(other)},
		{Restarts, "sum(changes(process_start_time_seconds{" + watched + "}" + over + "))"},
		{known, "sum(max_over_time(up{" + watched + "}" + over + "))"},
		{otherKnown, "sum(max_over_time(up{" + other + "}" + over + "))"},
	} {
		all = append(all, fmt.Sprintf(`label_replace(%s, "figure", "%s", "", "")`, f.expr, f.name))
	}
	return strings.Join(all, " or ")
}

// prometheus asks one server. Its method may be called from any goroutine.
type prometheus struct {
	url    string
	client *http.Client
}

// figures evaluates query.
func (p *prometheus) figures(ctx context.Context, q string) (Figures, error) {
	body := url.Values{"query": {q}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.url, "/")+"/api/v1/query", strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read Prometheus' answer: %w", err)
	}
	var answer struct {
		Status, Error string
		Data          struct{ Result model.Vector }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read Prometheus' answer (%s): %w", resp.Status, err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("ask Prometheus: it says %s: %s", resp.Status, answer.Error)
	}
	figures := Figures{}
	for _, sample := range answer.Data.Result {
		figures[Figure(sample.Metric["figure"])] = float64(sample.Value)
	}
	return figures, nil
}

// known leaves out what is no number, which JSON cannot say.
func (f Figures) known() Figures {
	out := Figures{}
	for name, value := range f {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			out[name] = value
		}
	}
	return out
}
