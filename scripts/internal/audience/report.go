package audience

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// Report is what became of a crowd so far.
type Report struct {
	Received     int64          // data messages
	Closes       map[int]int    // ends of connections by close code; 1006: without a close frame
	Ends         []End          // each of them
	Refused      map[string]int // handshakes by status or error, and subscribes by the error's code; each was tried again
	Resumes      int            // subscribes with a cursor that were acknowledged
	NotRecovered int            // of them, those that lost something
	Notices      int
	Byes         int
	Pongs        int
	Errors       int
	Gaps         int
	GapFrames    []Gap
	Broken       []string // promises that a connection broke, its ledger above all; the first 20
}

// End is a connection's end.
type End struct {
	At        time.Time
	Code      int
	Announced bool   // by a notice
	Notice    string // its code, DRAIN or REBALANCE; of several the last one's
}

// Gap is a gap told to a member.
type Gap struct {
	Member int
	Frame  *check.Frame
}

func (r *Report) broke(what string) {
	if len(r.Broken) < 20 {
		r.Broken = append(r.Broken, what)
	}
}

// Report is a copy of it.
func (c *Crowd) Report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.report
	r.Closes, r.Refused = maps.Clone(r.Closes), maps.Clone(r.Refused)
	r.Ends, r.GapFrames, r.Broken = slices.Clone(r.Ends), slices.Clone(r.GapFrames), slices.Clone(r.Broken)
	return r
}

// String is the report in a line.
func (r Report) String() string {
	return fmt.Sprintf("%d messages; closes %v, refused %v, %d resumed of which %d not recovered, %d gaps, %d errors, broken %q",
		r.Received, r.Closes, r.Refused, r.Resumes, r.NotRecovered, r.Gaps, r.Errors, r.Broken)
}

// reason is a refused handshake's status, or a short word for another error.
func reason(err error) string {
	var refusal *check.Refusal
	switch {
	case errors.As(err, &refusal):
		return strconv.Itoa(refusal.StatusCode)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	default:
		return "no answer"
	}
}
