package load

import (
	"maps"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Counts are what has come. Faults are never forgotten: one between two intervals counts in the second.
type Counts struct {
	Connections int `json:"connections"` // that are subscribed now, the stalled ones too

	Received        int64 `json:"received"`                   // data messages, by connections that never stall
	Bytes           int64 `json:"bytes"`                      // of their frames, headers too
	Reads           int64 `json:"reads"`                      // recv(2) calls that brought at least one
	StalledReceived int64 `json:"stalled_received,omitempty"` // by connections that are to stall, before they do
	Ledgers         int64 `json:"ledgers,omitempty"`          // accounts of the server that were compared, with Spec.Ledgers

	Faults
}

// Faults are what should not happen, on any connection.
type Faults struct {
	Lost      int64         `json:"lost,omitempty"`       // holes in a channel's n; one filled later is taken back
	Doubled   int64         `json:"doubled,omitempty"`    // came again
	Reordered int64         `json:"reordered,omitempty"`  // came after a later one
	BadSeq    int64         `json:"bad_seq,omitempty"`    // ws: seq was not the one before and 1
	BadLedger int64         `json:"bad_ledger,omitempty"` // ws: the server says it has sent, replayed or passed over what it has not
	BadPos    int64         `json:"bad_pos,omitempty"`    // ws: pos was not above the one before, or above the cursor
	Malformed int64         `json:"malformed,omitempty"`  // not what the dialect says, or of a channel not subscribed to
	Closed    int64         `json:"closed,omitempty"`     // connections that ended and should not have
	Codes     map[int]int64 `json:"codes,omitempty"`      // of them, by the code of the close frame; 1005: one without, 1006: no close frame, 1002: this side closed
	Example   string        `json:"example,omitempty"`    // the first malformed one
}

// Interval is what came between Begin and End.
type Interval struct {
	Counts
	Latency *hdrhistogram.Histogram // µs from the intended send to the read, of Received
	Last    map[int64]Span          // of channel 0, with Spec.Last: by n, from the first connection's read to the last's
	Stalled Stalled                 // the connections that stall
	Busy    float64                 // CPU time over time of the worker that had most; 1 is a core
	Wait    float64                 // share of the time in which a worker was to be awake and had no core; the worst
	Seconds float64
}

// Stalled tells whether a stall is one.
type Stalled struct {
	Connections int   `json:"connections"` // told to read no more
	Open        int   `json:"open"`        // of them, that the server has not reset or closed
	Unread      int64 `json:"unread"`      // the fewest bytes that wait unread in one that is open
	Full        int   `json:"full"`        // of the open ones, those that have told the server to send no more: their window is 0
}

// Returned is a return of all connections.
type Returned struct {
	Connected    float64        // seconds from the call until the last was subscribed
	CaughtUp     float64        // until the last had read what it missed
	Returned     int            // connections that are back
	Complete     int            // of them, those that have caught up
	Replayed     int64          // messages, as the server counts them
	Received     int64          // messages since the cut
	NotRecovered int            // connections that were told that they cannot resume
	Refused      map[string]int // by reason; each was tried again
	Faults                      // since the cut
}

func (c *Counts) add(o *Counts) {
	c.Connections += o.Connections
	c.Received += o.Received
	c.Bytes += o.Bytes
	c.Reads += o.Reads
	c.StalledReceived += o.StalledReceived
	c.Ledgers += o.Ledgers
	c.Faults.add(&o.Faults)
}

func (f *Faults) add(o *Faults) {
	f.Lost += o.Lost
	f.Doubled += o.Doubled
	f.Reordered += o.Reordered
	f.BadSeq += o.BadSeq
	f.BadLedger += o.BadLedger
	f.BadPos += o.BadPos
	f.Malformed += o.Malformed
	f.Closed += o.Closed
	if len(o.Codes) > 0 && f.Codes == nil {
		f.Codes = map[int]int64{}
	}
	for code, n := range o.Codes {
		f.Codes[code] += n
	}
	if f.Example == "" {
		f.Example = o.Example
	}
}

func (s *Stalled) add(o Stalled) {
	if s.Open == 0 || o.Open > 0 && o.Unread < s.Unread {
		s.Unread = o.Unread
	}
	s.Connections += o.Connections
	s.Open += o.Open
	s.Full += o.Full
}

// clone is for what goes on counting.
func (f *Faults) clone() Faults {
	c := *f
	c.Codes = maps.Clone(f.Codes)
	return c
}

// longest is the longest latency that is told apart: 10 minutes in µs. Later ones count as this.
const longest = 600_000_000

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }
