package variant

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics is one scrape of a server, by family name.
type Metrics map[string]*dto.MetricFamily

// Metrics scrapes /metrics.
func (s *Server) Metrics(ctx context.Context) (Metrics, error) {
	return ReadMetrics(ctx, "http://"+s.AdminAddr+"/metrics")
}

// ReadMetrics scrapes the page at url.
func ReadMetrics(ctx context.Context, url string) (Metrics, error) {
	resp, err := Do(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape: %d %s", resp.StatusCode, resp.Body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(resp.Body))
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	return families, nil
}

// Sum adds the series of a counter or gauge that carry all the given labels
// (name, value, name, value, ...); of a histogram, their sample counts. A
// family or series that is not there counts as 0.
func (m Metrics) Sum(name string, labels ...string) float64 {
	family, ok := m[name]
	if !ok {
		return 0
	}
	var sum float64
	for _, series := range family.GetMetric() {
		if !carries(series, labels) {
			continue
		}
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			sum += series.GetCounter().GetValue()
		case dto.MetricType_HISTOGRAM:
			sum += float64(series.GetHistogram().GetSampleCount())
		default:
			sum += series.GetGauge().GetValue()
		}
	}
	return sum
}

func carries(series *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		found := false
		for _, pair := range series.GetLabel() {
			found = found || pair.GetName() == labels[i] && pair.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}
