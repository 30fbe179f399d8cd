package rollout

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits are the section rollout of the limits file: what the watched side may do at most. The file's own comments say what
// each is of.
type Limits struct {
	Window          time.Duration // that the figures are of
	Gaps            float64       // lost resumes, share of resumes
	KafkaGaps       float64       // offsets
	SlowCloses      float64       // share of the connections open
	Rejections      float64       // share of arrivals
	P99             float64       // ratio over the other side's
	P99IgnoredBelow time.Duration // up to here the ratio says nothing
	Restarts        float64
}

// ReadLimits reads them. A limit that is missing, unknown or no figure is an error: none is guessed.
func ReadLimits(path string) (Limits, error) {
	l, err := readLimits(path)
	if err != nil {
		return Limits{}, fmt.Errorf("read limits %s: %w", path, err)
	}
	return l, nil
}

func readLimits(path string) (Limits, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Limits{}, err
	}
	var file struct {
		Rollout yaml.Node `yaml:"rollout"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return Limits{}, err
	}
	if file.Rollout.Kind != yaml.MappingNode {
		return Limits{}, errors.New("it has no section rollout")
	}
	section, err := yaml.Marshal(&file.Rollout)
	if err != nil {
		return Limits{}, err
	}
	var in struct {
		Window          *time.Duration `yaml:"window"`
		Gaps            *float64       `yaml:"gaps"`
		KafkaGaps       *float64       `yaml:"kafka_gaps"`
		SlowCloses      *float64       `yaml:"slow_closes"`
		Rejections      *float64       `yaml:"rejections"`
		P99             *float64       `yaml:"p99"`
		P99IgnoredBelow *time.Duration `yaml:"p99_ignored_below"`
		Restarts        *float64       `yaml:"restarts"`
	}
	d := yaml.NewDecoder(bytes.NewReader(section))
	d.KnownFields(true)
	if err := d.Decode(&in); err != nil {
		return Limits{}, fmt.Errorf("section rollout: %w", err)
	}
	l := Limits{}
	for _, f := range []struct {
		name     string
		from     *float64
		to       *float64
		smallest float64
	}{
		{"gaps", in.Gaps, &l.Gaps, 0}, {"kafka_gaps", in.KafkaGaps, &l.KafkaGaps, 0}, {"slow_closes", in.SlowCloses, &l.SlowCloses, 0},
		{"rejections", in.Rejections, &l.Rejections, 0}, {"p99", in.P99, &l.P99, 1}, {"restarts", in.Restarts, &l.Restarts, 0},
	} {
		if f.from == nil || math.IsNaN(*f.from) || *f.from < f.smallest {
			return Limits{}, fmt.Errorf("section rollout: %s is needed, a number from %v", f.name, f.smallest)
		}
		*f.to = *f.from
	}
	if in.Window == nil || *in.Window < time.Second {
		return Limits{}, errors.New("section rollout: window is needed, a time of at least eight scrapes, such as 1m")
	}
	if in.P99IgnoredBelow == nil || *in.P99IgnoredBelow < 0 {
		return Limits{}, errors.New("section rollout: p99_ignored_below is needed, a time such as 50ms")
	}
	l.Window, l.P99IgnoredBelow = *in.Window, *in.P99IgnoredBelow
	return l, nil
}
