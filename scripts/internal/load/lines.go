package load

import (
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// order is a line to a worker.
type order struct {
	ID     int    `json:"id"`
	Do     string `json:"do"`
	Setup  *setup `json:"setup,omitempty"`  // doSetup, which comes first
	N      int    `json:"n,omitempty"`      // doConnect: so many connections of this worker
	Flight int    `json:"flight,omitempty"` // doConnect, doReturn: handshakes at once
	Each   int    `json:"each,omitempty"`   // doReturn: messages that each connection missed
}

// What a worker can be told to do.
const (
	doSetup   = "setup"
	doConnect = "connect" // answered when all are subscribed, with lines of progress before
	doCancel  = "cancel"  // ends a connect or return, which is then answered with what it came to
	doBegin   = "begin"
	doCounts  = "counts"
	doEnd     = "end"
	doStall   = "stall"
	doCut     = "cut"
	doReturn  = "return" // answered when all have caught up
	doQuit    = "quit"
)

// setup says what a worker is for.
type setup struct {
	Addr     string             `json:"addr"`
	Dialect  string             `json:"dialect"`
	Scenario *scenario.Scenario `json:"scenario"`
	Share    float64            `json:"share"` // of the connections stalls
	Last     bool               `json:"last"`
	Cursors  bool               `json:"cursors"`
	Ledgers  bool               `json:"ledgers"`
	Behind   bool               `json:"behind,omitempty"`
	Number   int                `json:"number"` // of this worker
	Workers  int                `json:"workers"`
}

// report is a line from a worker, the answer to the order with its ID.
type report struct {
	ID    int    `json:"id"`
	More  bool   `json:"more,omitempty"` // progress: the answer is still to come
	Live  int    `json:"live"`
	Error string `json:"error,omitempty"`

	Counts   *Counts       `json:"counts,omitempty"`
	Interval *intervalLine `json:"interval,omitempty"`
	Came     *cameLine     `json:"came,omitempty"`
	Returned *returnLine   `json:"returned,omitempty"`
}

type intervalLine struct {
	Counts
	Latency []byte         `json:"latency"` // HdrHistogram V2, compressed
	Last    map[int64]Span `json:"last,omitempty"`
	Stalled Stalled        `json:"stalled"`
	Busy    float64        `json:"busy"`
	Wait    float64        `json:"wait"`
	Seconds float64        `json:"seconds"`
}

// cameLine is how connections came to be.
type cameLine struct {
	Refused map[string]int `json:"refused,omitempty"`
	Took    []byte         `json:"took"` // as latency above
}

type returnLine struct {
	Connected    int64          `json:"connected"` // Unix µs of the last acknowledgement; 0: none
	CaughtUp     int64          `json:"caught_up"` // of the last that caught up
	Returned     int            `json:"returned"`
	Complete     int            `json:"complete"`
	Replayed     int64          `json:"replayed"`
	Received     int64          `json:"received"`
	NotRecovered int            `json:"not_recovered,omitempty"`
	Refused      map[string]int `json:"refused,omitempty"`
	Faults
}
