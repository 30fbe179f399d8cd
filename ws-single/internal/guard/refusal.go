package guard

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
)

// refusals is the answer to each reason (protocol.md, section 2). RetryAfter is
// the shortest wait told. A bad token and a subject's limit are not among them:
// they are closes after the upgrade (4501, 4503).
var refusals = map[string]Refusal{
	metric.RejectOrigin:          {Status: http.StatusForbidden, RetryAfter: 30 * time.Second, Message: "this origin is not allowed"},
	metric.RejectRate:            {Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Message: "too many new connections a second"},
	metric.RejectAddrRate:        {Status: http.StatusTooManyRequests, RetryAfter: 5 * time.Second, Message: "too many new connections a second from this address"},
	metric.RejectConnections:     {Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Message: "the server has all the connections it may have"},
	metric.RejectAddrConnections: {Status: http.StatusTooManyRequests, RetryAfter: 10 * time.Second, Message: "too many connections from this address"},
	metric.RejectCPU:             {Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Message: "the server's CPU is busy"},
	metric.RejectMemory:          {Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Message: "the server's memory is nearly used up"},
	metric.RejectDraining:        {Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Message: "the server is shutting down"},
	metric.RejectNotReady:        {Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Message: "the server is not ready yet"},
}

// Refusal is why a handshake is not upgraded.
type Refusal struct {
	Reason     string        // one of metric.Reject…
	Status     int           // HTTP status
	Message    string        // for the client's developer; no secrets, no limits' values
	RetryAfter time.Duration // the shortest wait told; Write adds up to as much again
}

// Refuse returns the refusal for a reason, with message in place of the usual
// one unless it is empty. An unknown reason is answered with 503.
func Refuse(reason, message string) Refusal {
	r, ok := refusals[reason]
	if !ok {
		r = Refusal{Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Message: "not now"}
	}
	r.Reason = reason
	if message != "" {
		r.Message = message
	}
	return r
}

// Write answers the request with the refusal, in the form the package comment
// gives.
func (r Refusal) Write(w http.ResponseWriter) {
	var body struct {
		Error struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			Temporary bool   `json:"temporary"`
		} `json:"error"`
	}
	body.Error.Code = r.Reason
	body.Error.Message = r.Message
	body.Error.Temporary = true

	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	h.Set("Retry-After", strconv.Itoa(r.retrySeconds()))
	w.WriteHeader(r.Status)
	// A client that is gone does not read the answer: nothing to do about it.
	_ = json.NewEncoder(w).Encode(body)
}

// retrySeconds spreads the wait over [RetryAfter, 2 x RetryAfter], in whole
// seconds (RFC 9110, 10.2.3), at least 1.
func (r Refusal) retrySeconds() int {
	least := max(1, int((r.RetryAfter+time.Second-1)/time.Second))
	return least + rand.IntN(least+1)
}
