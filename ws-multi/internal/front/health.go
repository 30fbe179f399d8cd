package front

import "net/http"

// Values of Health.Status.
const (
	StatusOK       = "ok"
	StatusNotReady = "not_ready"
	StatusDraining = "draining"
)

// Health is the body of /health. Load balancers and dashboards read it by these
// names, from either variant. What it tells was published by others about a second
// ago at most: to ask costs no shard anything.
type Health struct {
	Status  string `json:"status"`  // one of the Status constants
	Healthy bool   `json:"healthy"` // true: answered with 200, else with 503
	Reason  string `json:"reason,omitempty"`
	Checks  Checks `json:"checks"`
}

// Checks are the parts of Health.
type Checks struct {
	Capacity Capacity `json:"capacity"`
	CPU      Share    `json:"cpu"`    // of the cores that the server may use
	Memory   Share    `json:"memory"` // of its limit; 0 without one
	Kafka    Kafka    `json:"kafka"`
}

// Capacity is the number of connections of all shards.
type Capacity struct {
	Current int `json:"current"`
	Max     int `json:"max"` // 0: no limit
}

// Share is a part of the whole, 0 to 100.
type Share struct {
	Percentage float64 `json:"percentage"`
}

// Kafka tells how the log is read.
type Kafka struct {
	Connected bool  `json:"connected"`
	Paused    bool  `json:"paused"` // by the guard, while the server is short of CPU
	Lag       int64 `json:"lag"`    // records that are in the log and not yet here
}

func (h *Handler) health(w http.ResponseWriter) {
	body := h.o.Health()
	status := http.StatusServiceUnavailable
	if body.Healthy {
		status = http.StatusOK
	}
	respond(w, status, body)
}
