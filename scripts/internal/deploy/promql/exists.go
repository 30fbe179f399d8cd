package promql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/kit/wire"
)

// foreign are the series that are not the servers' own: Prometheus', and those of its Go client in every server.
var foreign = map[string][]string{
	"up":                         nil,
	"ALERTS":                     {"alertname", "alertstate", "severity"},
	"process_cpu_seconds_total":  nil,
	"process_start_time_seconds": nil,
	"process_open_fds":           nil,
	"process_max_fds":            nil,
}

// target are the labels that every scraped series has.
var target = []string{"job", "instance", "variant"}

// values are those that a label of the kit can have.
var values = map[string]func() []string{
	metric.ConnectionsRejected.Name + " reason": metric.Rejects,
	metric.KafkaRecordsSkipped.Name + " reason": metric.Skips,
	metric.Resumes.Name + " result":             metric.Resumed,
	metric.Memory.Name + " kind":                metric.MemoryKinds,
	metric.ConnectionsClosed.Name + " code": func() []string {
		codes := []string{metric.CodeNone}
		for _, c := range wire.CloseCodes() {
			codes = append(codes, strconv.Itoa(int(c)))
		}
		return codes
	},
}

// Exists says what of a query does not exist: metrics that neither kit/metric has nor a rule records, labels that they do
// not have, values that the labels never take. Values with a $ are Grafana's variables.
func Exists(query string, recorded []string) error {
	selectors, err := Selectors(query)
	if err != nil {
		return err
	}
	if len(selectors) == 0 {
		return fmt.Errorf("%s reads nothing", query)
	}
	var errs []error
	for _, s := range selectors {
		labels, known := foreign[s.Name]
		if slices.Contains(recorded, s.Name) {
			known = true
		}
		base := s.Name
		for _, d := range metric.All() {
			for _, suffix := range suffixes(d) {
				if s.Name == d.Name+suffix {
					known, labels, base = true, d.Labels, d.Name
					if suffix == "_bucket" {
						labels = append(slices.Clone(labels), "le")
					}
				}
			}
		}
		if !known {
			errs = append(errs, fmt.Errorf("there is no metric %s", s.Name))
			continue
		}
		for _, m := range s.Matchers {
			if !slices.Contains(labels, m.Label) && !slices.Contains(target, m.Label) {
				errs = append(errs, fmt.Errorf("%s has no label %s", s.Name, m.Label))
			}
			list, ok := values[base+" "+m.Label]
			if !ok {
				continue
			}
			for _, v := range m.Values() {
				if !strings.Contains(v, "$") && !slices.Contains(list(), v) {
					errs = append(errs, fmt.Errorf("the label %s of %s is never %s", m.Label, s.Name, v))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// suffixes are those of a metric's series.
func suffixes(d metric.Def) []string {
	if d.Kind == metric.Histogram {
		return []string{"_bucket", "_sum", "_count"}
	}
	return []string{""}
}
