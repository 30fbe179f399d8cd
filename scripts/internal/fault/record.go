package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
)

// Record is what came of all faults so far, each as it was last made: the matrix takes more than an hour, and one fault
// may be made again.
type Record struct {
	Host    machine.Host `json:"host"`  // of the newest result
	Kafka   string       `json:"kafka"` // the broker's version, of the newest result
	Results []Made       `json:"results"`
}

// Made is a result, with what it was made of.
type Made struct {
	Result
	Commit string    `json:"commit"` // of the repository; with "+" behind it when files had been changed
	At     time.Time `json:"at"`
}

// ReadRecord reads a record's file; there is none yet: an empty record.
func ReadRecord(path string) (Record, error) {
	var r Record
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read results of faults: %w", err)
	}
	return r, nil
}

// Add puts a result in the place of the one before it.
func (r *Record) Add(m Made) {
	i := slices.IndexFunc(r.Results, func(old Made) bool { return old.Fault == m.Fault && old.Variant == m.Variant })
	if i < 0 {
		r.Results = append(r.Results, m)
	} else {
		r.Results[i] = m
	}
}

// Write writes the record's file.
func (r Record) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write results of faults: %w", err)
	}
	return nil
}

// words are what was done and under what load, as said when it was made: the fault may have changed since.
func (r Record) words(f Fault) (did, under string) {
	for i := range slices.Backward(r.Results) {
		if m := &r.Results[i]; m.Fault == f.Name && m.Did != "" {
			return m.Did, m.Load
		}
	}
	return f.Did, f.Load
}

// of is the result of a fault for a variant, nil if there is none.
func (r Record) of(fault, variant string) *Made {
	for i := range r.Results {
		if r.Results[i].Fault == fault && r.Results[i].Variant == variant {
			return &r.Results[i]
		}
	}
	return nil
}
