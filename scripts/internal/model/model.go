package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// SchemaID is what a model's $schema says. Its number goes up when an older one's file cannot be read any more.
const SchemaID = "https://github.com/adred-codev/ws_poc/scripts/internal/model/v3"

// Model is what was fitted to results of one machine.
type Model struct {
	Schema   string      `json:"$schema"`
	Fitted   time.Time   `json:"fitted"`                  // when
	Commit   string      `json:"commit"`                  // of the newest result
	Others   []string    `json:"other_commits,omitempty"` // of results that are used all the same, because those of Commit are too few
	Host     result.Host `json:"host"`                    // where it was measured
	Floor    float64     `json:"floor_us"`                // what one send costs there; all costs are at this floor
	Sources  []string    `json:"sources"`                 // results that it is fitted to
	Variants []Variant   `json:"variants"`
}

// Variant is one server's costs.
type Variant struct {
	Name     string    `json:"name"`
	Costs    Costs     `json:"costs"`
	Fetch    float64   `json:"fetch_s"`            // what comes within so many seconds comes together
	Doubling *Doubling `json:"doubling,omitempty"` // nil: no more than one shard was measured
	Memory   *Memory   `json:"memory,omitempty"`   // nil: not measured
	Range    Range     `json:"range"`              // what was measured: beyond is projection
	Error    Error     `json:"error"`
	Points   []Point   `json:"points"`
}

// Costs are CPU time, all threads, user and system.
type Costs struct {
	Send    float64 `json:"send_us"`    // µs a send(2), with all that leads to it
	Message float64 `json:"message_us"` // µs a message of it
	Record  float64 `json:"record_us"`  // µs a record: reading it, its channel, the history
	Wake    float64 `json:"wake_us"`    // µs each time records come, a shard
	Idle    float64 `json:"idle_us_s"`  // µs a second and connection
	Base    float64 `json:"base_us_s"`  // µs a second of a process without clients and records
	Walk    float64 `json:"walk_us"`    // µs a record and shard but one: each goes through all records
}

// Doubling is the CPU time of twice as many shards over that of one, beyond what their wake-ups and walks explain.
type Doubling struct {
	Ratio float64 `json:"ratio"` // mean of the loads'; below 1 predictions take 1
	Low   float64 `json:"low"`   // the least of a load
	High  float64 `json:"high"`  // the largest
	Loads int     `json:"loads"` // that were measured on more than one shard
	Walk  bool    `json:"walk"`  // the loads differ enough to tell a walk's cost
}

// Range is what was measured.
type Range struct {
	MinConnections float64 `json:"min_connections"`
	MaxConnections float64 `json:"max_connections"`
	MaxSends       float64 `json:"max_sends"`      // a second, each with the messages that go together
	MaxDeliveries  float64 `json:"max_deliveries"` // messages a second
	MaxRecords     float64 `json:"max_records"`    // a second
	MinFanOut      float64 `json:"min_fan_out"`
	MaxFanOut      float64 `json:"max_fan_out"`
	MaxShards      int     `json:"max_shards"`
	MaxCPU         float64 `json:"max_cpu"` // of a core, each shard's
	Bytes          float64 `json:"bytes"`   // of a record's value
}

func (c Costs) of(x [features]float64) float64 {
	return c.Send*x[sends] + c.Message*x[messages] + c.Record*x[records] + c.Wake*x[wakes] + c.Idle*x[idle] + c.Base*x[base] + c.Walk*x[walks]
}

// Find is the variant of that name, nil when it was not fitted.
func (m *Model) Find(name string) *Variant {
	i := slices.IndexFunc(m.Variants, func(v Variant) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Variants[i]
}

// Write puts the model into a file; folders on the way are made.
func (m *Model) Write(path string) error {
	m.Schema = SchemaID
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("write model %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	return nil
}

// Read reads what Write wrote.
func Read(path string) (*Model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m := &Model{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("read model %s: %w", path, err)
	}
	switch {
	case m.Schema != SchemaID:
		return nil, fmt.Errorf("read model %s: its $schema is %q, and this bench reads %s: fit it anew (bench fit)", path, m.Schema, SchemaID)
	case len(m.Variants) == 0:
		return nil, fmt.Errorf("read model %s: it has no variants: fit it anew (bench fit)", path)
	}
	for i := range m.Variants {
		if why := m.Variants[i].nonsense(); why != "" {
			return nil, fmt.Errorf("read model %s: %s: fit it anew (bench fit)", path, why)
		}
	}
	return m, nil
}

// nonsense says why a variant's figures cannot be those of a fit, "" when they can.
func (v *Variant) nonsense() string {
	c := v.Costs
	each := []float64{c.Send, c.Message, c.Record, c.Wake, c.Idle, c.Base, c.Walk}
	wrong := []float64{v.Error.Median, v.Error.Max}
	for _, off := range []*Off{v.Error.Shards, v.Error.Memory} {
		if off != nil {
			wrong = append(wrong, off.Median, off.Max)
		}
	}
	if b := v.Error.Beyond; b != nil {
		wrong = append(wrong, b.Median, b.Max)
	}
	switch {
	case v.Name == "":
		return "it has a variant without a name"
	case slices.Min(each) < 0:
		return "a cost of " + v.Name + " is below 0"
	case slices.Max(each) == 0:
		return "all costs of " + v.Name + " are 0"
	case v.Fetch < 0:
		return "a fetch of " + v.Name + " takes less than no time"
	case slices.Min(wrong) < 0:
		return "an error of " + v.Name + " is below 0"
	case v.Memory != nil && (min(v.Memory.Base, v.Memory.Connection, v.Memory.Kernel) < 0 || v.Memory.of(1) == 0):
		return "the memory of " + v.Name + " is nothing, or less"
	}
	return ""
}

// ErrNone says that there is no model yet.
var ErrNone = errors.New("there is no fitted model")

// Newest reads the last model of a folder, whose files' names begin with their time.
func Newest(folder string) (*Model, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*-model.json"))
	if err != nil {
		return nil, fmt.Errorf("look for models: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNone, folder)
	}
	slices.Sort(files)
	return Read(files[len(files)-1])
}
