package guard

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

// Refusal is the answer to a handshake that is not upgraded.
type Refusal struct {
	Reason  string        // of metric.Rejects()
	Status  int           // of HTTP
	Message string        // to a developer at the client; tells no limit's value
	Wait    time.Duration // the shortest Retry-After; Write adds up to as much again
}

// Refuse is the refusal for a reason, with the reason's own message if message is
// empty. A reason without an answer of its own is 503: those that end in a close
// after the upgrade (token, subject_connections), and what nobody knows.
func Refuse(reason, message string) Refusal {
	r := Refusal{Reason: reason, Status: http.StatusServiceUnavailable, Wait: 5 * time.Second}
	// Waits are about as long as the reason lasts.
	switch reason {
	case metric.RejectOrigin:
		r.Status, r.Wait, r.Message = http.StatusForbidden, 30*time.Second, "pages of this origin may not connect"
	case metric.RejectAddrRate:
		r.Status, r.Message = http.StatusTooManyRequests, "this address connects too often"
	case metric.RejectAddrConnections:
		r.Status, r.Wait, r.Message = http.StatusTooManyRequests, 10*time.Second, "this address has too many connections open"
	case metric.RejectRate:
		r.Wait, r.Message = 2*time.Second, "too many clients connect at this moment"
	case metric.RejectConnections:
		r.Wait, r.Message = 10*time.Second, "the server is full"
	case metric.RejectCPU:
		r.Message = "the server is busy"
	case metric.RejectMemory:
		r.Wait, r.Message = 10*time.Second, "the server is short of memory"
	case metric.RejectDraining:
		r.Wait, r.Message = time.Second, "the server is going away"
	case metric.RejectNotReady:
		r.Wait, r.Message = 2*time.Second, "the server is not ready"
	default:
		r.Message = "the server takes no connection now"
	}
	if message != "" {
		r.Message = message
	}
	return r
}

func refusal(reason string) *Refusal {
	r := Refuse(reason, "")
	return &r
}

// refusalBody is what protocol.md, section 2, promises.
type refusalBody struct {
	Error refusalError `json:"error"`
}

type refusalError struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Temporary bool   `json:"temporary"`
}

// Write answers the request. The connection is closed after it: kept alive, the
// next attempt would come past the pace.
func (r Refusal) Write(w http.ResponseWriter) {
	body, err := json.Marshal(refusalBody{refusalError{Code: r.Reason, Message: r.Message, Temporary: true}})
	if err != nil {
		panic(err) // strings and a bool have no error
	}
	h := w.Header()
	h.Set("Connection", "close")
	h.Set("Retry-After", strconv.Itoa(r.retryAfter()))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	_, _ = w.Write(append(body, '\n')) // who is gone reads no answer
}

// retryAfter is whole seconds (RFC 9110 section 10.2.3), from Wait to twice that.
func (r Refusal) retryAfter() int {
	least := max(1, int((r.Wait+time.Second-1)/time.Second))
	return least + rand.IntN(least+1)
}
