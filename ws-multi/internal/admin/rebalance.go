package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	// usualRate is how many connections a second are moved unless it is said: few
	// enough for the other side's handshakes, many enough to be seen.
	usualRate = 50
	// fastestRate is beyond what any server can close: more is a mistyped number.
	fastestRate = 1e6
	// slowestRate is one in a quarter of an hour: less would never be over.
	slowestRate = 0.001
)

// move is what a rebalance is asked to do.
type move struct {
	Connections int     `json:"connections"` // in the answer: how many were chosen
	Rate        float64 `json:"rate"`        // a second
}

func (o Options) rebalance(w http.ResponseWriter, r *http.Request) {
	// As in the query, so in a form's body, which curl -d sends; ParseForm reads no
	// other kind of body.
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	err := r.ParseForm()
	if err != nil {
		err = errors.New("the parameters cannot be read")
	}
	var m move
	if err == nil {
		m, err = parseMove(r.Form)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error()+"; for example: /rebalance?connections=100&rate=20")
		return
	}
	m.Connections = o.Rebalance(m.Connections, m.Rate)
	answer(w, http.StatusAccepted, m)
}

// parseMove is strict, for what it asks for cannot be called back: an unknown name is
// more likely a mistyped one than of no importance. Errors name the parameter and say
// what it has to be.
func parseMove(form url.Values) (move, error) {
	for name, values := range form {
		if name != "connections" && name != "rate" {
			return move{}, fmt.Errorf("unknown parameter %.40q: there are connections and rate", name)
		}
		if len(values) > 1 {
			return move{}, fmt.Errorf("%s: given %d times", name, len(values))
		}
	}
	m := move{Rate: usualRate}
	var err error
	if m.Connections, err = strconv.Atoi(form.Get("connections")); err != nil || m.Connections < 1 {
		return move{}, errors.New("connections: has to be a whole number from 1, of connections to move")
	}
	if !form.Has("rate") {
		return m, nil
	}
	// The comparison is false for NaN.
	if m.Rate, err = strconv.ParseFloat(form.Get("rate"), 64); err != nil || !(m.Rate >= slowestRate && m.Rate <= fastestRate) {
		return move{}, fmt.Errorf("rate: has to be a number from %v to %d, of connections to move a second", slowestRate, int(fastestRate))
	}
	return m, nil
}
