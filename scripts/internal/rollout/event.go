package rollout

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	Began    Kind = "began"    // a rollout, or one that goes on
	Stepped  Kind = "step"     // to the next share
	Weighted Kind = "weights"  // were set
	Shedding Kind = "shed"     // clients were asked to go
	Reached  Kind = "reached"  // the share is right
	Drifted  Kind = "drifted"  // a share that was reached is not right any more, and is made so
	Held     Kind = "held"     // the step was held to its end
	Reloaded Kind = "reloaded" // HAProxy has forgotten the weights
	Changed  Kind = "changed"  // somebody else changed the weights
	Trouble  Kind = "trouble"  // something cannot be seen or done, and is tried again
	Cleared  Kind = "cleared"  // it can again
	Halting  Kind = "halting"  // the watched side is beyond a limit
	Ended    Kind = "ended"    // done, halted or stopped
	Looked   Kind = "looked"   // each look, for views; not logged
)

// Event is something that happened, with the state of things at that moment.
type Event struct {
	At         time.Time      `json:"at"`
	Kind       Kind           `json:"event"`
	Text       string         `json:"text,omitempty"` // for people
	Step       int            `json:"step"`           // from 1; 0: before the first
	Steps      int            `json:"steps"`
	Phase      Phase          `json:"phase"`
	Target     float64        `json:"target"` // the challenger's share, 0 to 1
	Share      float64        `json:"share"`  // now, 0 to 1
	Incumbent  int            `json:"incumbent"`
	Challenger int            `json:"challenger"`
	HeldS      float64        `json:"held_s"` // of this step so far
	Weights    map[string]int `json:"weights,omitempty"`
	Asked      int            `json:"asked,omitempty"` // connections to go
	Findings   []Finding      `json:"-"`
	Figures    Figures        `json:"figures,omitempty"` // those that are known
}

// LogTo writes each event as one line of JSON. An error of w ends the log, and is returned by each call after.
func LogTo(w io.Writer) func(Event) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	var failed error
	return func(e Event) error {
		if e.Kind == Looked || failed != nil {
			return failed
		}
		if err := encoder.Encode(e); err != nil {
			failed = fmt.Errorf("write log: %w", err)
		}
		return failed
	}
}
