package guard

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Reasons of a refusal: the code in the body and the reason label of
// ws_connections_rejected_total.
const (
	ReasonOrigin             = "origin"
	ReasonToken              = "token"
	ReasonRate               = "rate"
	ReasonAddrRate           = "addr_rate"
	ReasonConnections        = "connections"
	ReasonAddrConnections    = "addr_connections"
	ReasonSubjectConnections = "subject_connections"
	ReasonCPU                = "cpu"
	ReasonMemory             = "memory"
	ReasonDraining           = "draining"
	ReasonNotReady           = "not_ready"
)

// refusals is the answer to each reason (protocol.md, section 2). Retry is the
// shortest wait told to the client; the longest is twice that. Token and
// subject_connections are closes after the upgrade (4501, 4503); as a refusal,
// token means that it cannot be checked now.
var refusals = map[string]Refusal{
	ReasonOrigin:             {Status: http.StatusForbidden, RetryAfter: 30 * time.Second, Message: "this origin is not allowed"},
	ReasonToken:              {Status: http.StatusServiceUnavailable, RetryAfter: 3 * time.Second, Message: "tokens cannot be checked at the moment"},
	ReasonRate:               {Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Message: "too many new connections a second"},
	ReasonAddrRate:           {Status: http.StatusTooManyRequests, RetryAfter: 5 * time.Second, Message: "too many new connections a second from this address"},
	ReasonConnections:        {Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Message: "the server has all the connections it may have"},
	ReasonAddrConnections:    {Status: http.StatusTooManyRequests, RetryAfter: 10 * time.Second, Message: "too many connections from this address"},
	ReasonSubjectConnections: {Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Message: "too many connections of this identity"},
	ReasonCPU:                {Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second, Message: "the server's CPU is busy"},
	ReasonMemory:             {Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Message: "the server's memory is nearly used up"},
	ReasonDraining:           {Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Message: "the server is shutting down"},
	ReasonNotReady:           {Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Message: "the server is not ready yet"},
}

// Refusal is why a handshake is not upgraded.
type Refusal struct {
	Reason     string        // one of the Reason constants
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
