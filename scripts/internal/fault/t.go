package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// T is a fault being done to one variant. It is a [stage.TB]: what is seen broken fails it.
type T struct {
	stage.Scope
	Context context.Context // done when the whole run is to end
	Variant string          // ws-single
	Binary  string          // of the server
	Other   string          // the other variant's binary, for clients that move
	Brokers string          // the Kafka that all share; a fault that harms one starts its own
	Small   bool            // in the ordinary tests: they may carry the race detector, so crowds are a tenth

	fault   string // its name
	figures []Figure
	seen    []string
}

// Figure is a measured number and what it must hold.
type Figure struct {
	What  string  `json:"what"`
	Got   float64 `json:"got"`
	Most  float64 `json:"most"`            // the limit
	Least bool    `json:"least,omitempty"` // the limit is a lower one
	Unit  string  `json:"unit"`
	Held  bool    `json:"held"`
}

// Most notes a figure that must not be above the limit. In the ordinary tests, on machines that are busy with others, times
// are held to three times their limit.
func (t *T) Most(what string, got, limit float64, unit string) {
	if t.Small && unit == "s" {
		limit *= 3
	}
	t.figure(Figure{What: what, Got: got, Most: limit, Unit: unit, Held: got <= limit})
}

// Least notes a figure that must not be below the limit.
func (t *T) Least(what string, got, limit float64, unit string) {
	t.figure(Figure{What: what, Got: got, Most: limit, Least: true, Unit: unit, Held: got >= limit})
}

// None notes a count that must be 0.
func (t *T) None(what string, got int) { t.Most(what, float64(got), 0, "") }

// All notes a count that must be reached.
func (t *T) All(what string, got, want int) { t.Least(what, float64(got), float64(want), "") }

func (t *T) figure(f Figure) {
	t.figures = append(t.figures, f)
	if !f.Held {
		bound := "at most"
		if f.Least {
			bound = "at least"
		}
		t.Errorf("%s: %.4g %s, the limit is %s %.4g", f.What, f.Got, f.Unit, bound, f.Most)
	}
}

// Saw notes what clients or the operator saw, for the report.
func (t *T) Saw(format string, args ...any) { t.seen = append(t.seen, fmt.Sprintf(format, args...)) }

// Count is n, or a tenth of it in the ordinary tests.
func (t *T) Count(n int) int {
	if t.Small {
		return max(n/10, 1)
	}
	return n
}

// Broker starts a broker for this fault alone.
func (t *T) Broker() *broker.Broker { return t.BrokerWith(broker.Options{}) }

// BrokerWith is Broker with options.
func (t *T) BrokerWith(o broker.Options) *broker.Broker {
	b, err := broker.Start(t.Context, o) // which has patience of its own: a JVM's start is most of what a busy machine delays
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.Thaw() // a stopped process cannot be ended in order; one that runs does not mind
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Start starts the variant's server on the topics and waits until it is ready.
func (t *T) Start(tp *stage.Topics, set stage.Settings) *stage.Server {
	return stage.Start(t, t.Binary, tp, set)
}

// StartOther starts the other variant's.
func (t *T) StartOther(tp *stage.Topics, set stage.Settings) *stage.Server {
	return stage.Start(t, t.Other, tp, set)
}

// Sleep waits, unless the whole run is ended.
func (t *T) Sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context.Done():
		t.Fatal(context.Cause(t.Context))
	}
}

// Since is how many seconds have passed.
func Since(at time.Time) float64 { return time.Since(at).Seconds() }
