package dashboard

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	api "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Answer is what a panel would show.
type Answer struct {
	Panel  FilePanel
	Series []Series
	Empty  []string // queries that returned nothing that could be seen
}

// Series is a line.
type Series struct {
	Name   string
	Values []model.SamplePair
}

// Span is the time that is asked for.
type Span struct {
	From, To time.Time
	Step     time.Duration
	Interval time.Duration // for $__rate_interval
}

// Choices are all ways to choose one value of each variable; where all may be chosen, all are. It fails where a variable
// has none.
func (f *File) Choices(ctx context.Context, prometheus api.API, span Span) ([]Choice, error) {
	choices := []Choice{{}}
	for _, v := range f.Templating.List {
		m := labelValues.FindStringSubmatch(v.Query.Query)
		if m == nil {
			return nil, fmt.Errorf("variable %s: want label_values(METRIC, LABEL), not %s", v.Name, v.Query.Query)
		}
		var more []Choice
		for _, c := range choices {
			selector, err := Expand(m[1], c, span.Interval)
			if err != nil {
				return nil, fmt.Errorf("variable %s: %w", v.Name, err)
			}
			values, _, _, err := prometheus.LabelValues(ctx, m[2], []string{selector}, span.From, span.To)
			if err != nil {
				return nil, fmt.Errorf("variable %s: ask %s of %s: %w", v.Name, m[2], selector, err)
			}
			if len(values) == 0 {
				return nil, fmt.Errorf("variable %s: %s has no label %s", v.Name, selector, m[2])
			}
			if v.IncludeAll {
				values = model.LabelValues{model.LabelValue(v.AllValue)}
			}
			for _, value := range values {
				chosen := maps.Clone(c)
				chosen[v.Name] = string(value)
				more = append(more, chosen)
			}
		}
		choices = more
	}
	return choices, nil
}

// Ask runs the queries of every panel. That a panel has nothing to show is no error, see Answer.Empty; that a query is wrong is.
func (f *File) Ask(ctx context.Context, prometheus api.API, choice Choice, span Span) ([]Answer, error) {
	var answers []Answer
	for _, p := range f.Panels {
		if p.Type == "row" {
			continue
		}
		a := Answer{Panel: p}
		for _, q := range p.Targets {
			expr, err := Expand(q.Expr, choice, span.Interval)
			if err != nil {
				return nil, fmt.Errorf("panel %s: %w", p.Title, err)
			}
			series, err := run(ctx, prometheus, expr, q, span)
			if err != nil {
				return nil, fmt.Errorf("panel %s: ask %s: %w", p.Title, expr, err)
			}
			if len(series) == 0 {
				a.Empty = append(a.Empty, expr)
			}
			a.Series = append(a.Series, series...)
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// run returns the series that have a number to show.
func run(ctx context.Context, prometheus api.API, expr string, q Target, span Span) ([]Series, error) {
	var matrix model.Matrix
	if q.Instant {
		value, _, _, err := prometheus.Query(ctx, expr, span.To)
		if err != nil {
			return nil, err
		}
		vector, ok := value.(model.Vector)
		if !ok {
			return nil, fmt.Errorf("its answer is a %s, not a vector", value.Type())
		}
		for _, s := range vector {
			matrix = append(matrix, &model.SampleStream{Metric: s.Metric, Values: []model.SamplePair{{Timestamp: s.Timestamp, Value: s.Value}}})
		}
	} else {
		value, _, _, err := prometheus.QueryRange(ctx, expr, api.Range{Start: span.From, End: span.To, Step: span.Step})
		if err != nil {
			return nil, err
		}
		var ok bool
		if matrix, ok = value.(model.Matrix); !ok {
			return nil, fmt.Errorf("its answer is a %s, not a matrix", value.Type())
		}
	}
	var series []Series
	for _, s := range matrix {
		labels := map[string]string{}
		for k, v := range s.Metric {
			labels[string(k)] = string(v)
		}
		line := Series{Name: legend(q.Legend, labels)}
		for _, v := range s.Values {
			if !math.IsNaN(float64(v.Value)) && !math.IsInf(float64(v.Value), 0) {
				line.Values = append(line.Values, v)
			}
		}
		if len(line.Values) > 0 {
			series = append(series, line)
		}
	}
	slices.SortFunc(series, func(a, b Series) int { return strings.Compare(a.Name, b.Name) })
	return series, nil
}
