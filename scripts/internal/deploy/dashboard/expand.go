package dashboard

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Choice is what is chosen for a dashboard's variables, by name. Several values are a regular expression: a|b.
type Choice map[string]string

var reference = regexp.MustCompile(`\$(?:\{(\w+)(?::\w+)?\}|(\w+))`)

// Expand puts values in the place of Grafana's variables, as its data source for Prometheus does. interval stands for
// $__interval and $__rate_interval.
func Expand(query string, choice Choice, interval time.Duration) (string, error) {
	var unknown []string
	out := reference.ReplaceAllStringFunc(query, func(found string) string {
		m := reference.FindStringSubmatch(found)
		name := m[1] + m[2]
		if name == "__interval" || name == "__rate_interval" {
			return strconv.Itoa(int(interval.Seconds())) + "s"
		}
		value, ok := choice[name]
		if !ok {
			unknown = append(unknown, name)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("expand %s: no value for %s", query, strings.Join(unknown, ", "))
	}
	return out, nil
}

var template = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// legend names a series by its labels.
func legend(form string, labels map[string]string) string {
	return template.ReplaceAllStringFunc(form, func(found string) string {
		return labels[template.FindStringSubmatch(found)[1]]
	})
}

var labelValues = regexp.MustCompile(`^label_values\((.+), ?(\w+)\)$`)
