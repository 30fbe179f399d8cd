package front

import (
	"encoding/json"
	"net/http"
)

// Health is the body of /health, the same for 200 and 503. The names are those
// that load balancers and dashboards of this project expect.
type Health struct {
	Status  string `json:"status"` // ok, not_ready or draining
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"` // why it is not ready
	Checks  Checks `json:"checks"`
}

// Checks are what Health rests on.
type Checks struct {
	Capacity Capacity `json:"capacity"`
	CPU      Usage    `json:"cpu"`
	Memory   Usage    `json:"memory"`
	Kafka    Kafka    `json:"kafka"`
}

// Capacity is connections open, and how many may be; 0 is no limit.
type Capacity struct {
	Current int `json:"current"`
	Max     int `json:"max"`
}

// Usage is a percentage: of the cores the server may use, or of the memory it
// may have (0 without a limit).
type Usage struct {
	Percentage float64 `json:"percentage"`
}

// Kafka is how the log is reached.
type Kafka struct {
	Connected bool  `json:"connected"`
	Paused    bool  `json:"paused"`
	Lag       int64 `json:"lag"` // records
}

func (h *Handler) health(w http.ResponseWriter, _ *http.Request) {
	body := h.o.Health()
	status := http.StatusOK
	if !body.Healthy {
		status = http.StatusServiceUnavailable
	}
	write(w, status, body)
}

// answer writes an error in the form of guard.Refusal.
func answer(w http.ResponseWriter, status int, code, message string, temporary bool) {
	write(w, status, map[string]any{
		"error": map[string]any{"code": code, "message": message, "temporary": temporary},
	})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone reads nothing
}
