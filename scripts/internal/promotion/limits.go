package promotion

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Limits are the section promotion of deploy/limits.yml. A ratio is the candidate's figure over that of the variant in production.
type Limits struct {
	Parity      Parity       `yaml:"parity"`
	Comparisons []Comparison `yaml:"comparisons"`
	P99         float64      `yaml:"p99"`    // of latency: a ratio
	CPU         float64      `yaml:"cpu"`    // time per delivery: a ratio
	Memory      float64      `yaml:"memory"` // resident: a ratio
	Reach       float64      `yaml:"reach"`  // share of the expected deliveries that arrived, at least
}

// Parity is how much must have been compared.
type Parity struct {
	Seconds float64 `yaml:"seconds"` // in which records were published and clients moved
	Records int64   `yaml:"records"`
	Moves   int     `yaml:"moves"` // of clients, from one variant to the other
	// Late is the most that a record may have been later from one than from the other without counting as a difference.
	Late time.Duration `yaml:"late"`
}

// Comparison is a load under which both must have been measured side by side.
type Comparison struct {
	Scenario    string `yaml:"scenario"`
	Connections int    `yaml:"connections"` // clients of each server, at least
}

// ReadLimits reads deploy/limits.yml. Its section rollout is another tool's and not looked at.
func ReadLimits(path string) (Limits, error) {
	file, err := os.Open(path)
	if err != nil {
		return Limits{}, fmt.Errorf("read limits: %w", err)
	}
	defer file.Close()
	var all struct {
		Promotion Limits `yaml:"promotion"`
		Rollout   any    `yaml:"rollout"`
	}
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err = decoder.Decode(&all); err == nil {
		err = all.Promotion.check()
	}
	if err != nil {
		return Limits{}, fmt.Errorf("read limits %s: %w", path, err)
	}
	return all.Promotion, nil
}

func (l Limits) check() error {
	if l.P99 <= 0 || l.CPU <= 0 || l.Memory <= 0 {
		return errors.New("promotion: p99, cpu and memory must be ratios above 0")
	}
	if l.Reach <= 0 || l.Reach > 1 {
		return errors.New("promotion: reach must be a share above 0, and 1 at most")
	}
	if l.Parity.Seconds <= 0 || l.Parity.Records < 1 || l.Parity.Moves < 1 || l.Parity.Late <= 0 {
		return errors.New("promotion: parity must ask for seconds, records and moves, and say what is late")
	}
	if len(l.Comparisons) == 0 {
		return errors.New("promotion: comparisons has none: without one nothing is known of the costs")
	}
	seen := map[string]bool{}
	for _, c := range l.Comparisons {
		s, err := scenario.Find(c.Scenario)
		switch {
		case err != nil:
			return fmt.Errorf("promotion: comparisons: %w", err)
		case s.Kind != scenario.Deliver || s.Subscribe.None:
			return fmt.Errorf("promotion: comparisons: %s delivers nothing that could be compared", c.Scenario)
		case c.Connections < 1:
			return fmt.Errorf("promotion: comparisons: %s needs connections, at least so many clients", c.Scenario)
		case seen[c.Scenario]:
			return fmt.Errorf("promotion: comparisons: %s is there twice", c.Scenario)
		}
		seen[c.Scenario] = true
	}
	return nil
}
