// Package admin is the admin listener: metrics, health, version, drain,
// rebalance and pprof. It stands apart from the public one, on loopback unless
// configured; POSTs and pprof need a token elsewhere.
//
// Its handlers run on net/http's goroutines and read what others publish, so
// they answer also when the loop does not.
package admin

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
)

// Options of the admin listener. All functions may be called from any goroutine.
type Options struct {
	Metrics   http.Handler
	Alive     func() error // nil while the loop turns
	NotReady  func() error // nil when clients can be served
	Version   any          // encoded as JSON
	Drain     func() (connections int)
	Rebalance func(connections int, rate float64) (chosen int)
	// Open lets POSTs and pprof through without a token; otherwise they need
	// Token, and are refused when it is empty.
	Open  bool
	Token string
}

// New returns the handler of the admin listener.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.Metrics)
	mux.HandleFunc("GET /healthz", state("alive", o.Alive))
	mux.HandleFunc("GET /readyz", state("ready", o.NotReady))
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, o.Version) })

	guarded := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, o.authorize(h)) }
	guarded("POST /drain", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusAccepted, map[string]any{"draining": true, "connections": o.Drain()})
	})
	guarded("POST /rebalance", o.rebalance)
	guarded("GET /debug/pprof/", pprof.Index)
	guarded("GET /debug/pprof/cmdline", pprof.Cmdline)
	guarded("GET /debug/pprof/profile", pprof.Profile)
	guarded("GET /debug/pprof/symbol", pprof.Symbol)
	guarded("GET /debug/pprof/trace", pprof.Trace)
	for _, path := range []string{"/drain", "/rebalance"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", http.MethodPost)
			fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is a POST, not a %s", path, r.Method))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Sprintf(
			"%s %s is not here: GET /metrics /healthz /readyz /version /debug/pprof/, POST /drain /rebalance", r.Method, r.URL.Path))
	})
	// Without a token, on loopback, any page in a browser of this host could send these POSTs: browsers say who sends.
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "a web page may not ask for this")
	}))
	return own.Handler(mux)
}

// state answers 200, or 503 and why.
func state(name string, check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			write(w, http.StatusServiceUnavailable, map[string]any{"status": "not " + name, "reason": err.Error()})
			return
		}
		write(w, http.StatusOK, map[string]any{"status": name})
	}
}

// authorize passes on what may change or show the process from inside.
func (o Options) authorize(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if o.Open {
			next(w, r)
			return
		}
		if o.Token == "" {
			fail(w, http.StatusForbidden, "set WS_ADMIN_TOKEN to use this on a listener that is not on loopback")
			return
		}
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(o.Token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "send the admin token: Authorization: Bearer, then WS_ADMIN_TOKEN's value")
			return
		}
		next(w, r)
	}
}

// defaultRate is how many connections a second are moved unless asked otherwise.
const defaultRate = 50

func (o Options) rebalance(w http.ResponseWriter, r *http.Request) {
	connections, err := strconv.Atoi(r.FormValue("connections"))
	if err != nil || connections < 1 {
		fail(w, http.StatusBadRequest, "connections: how many to move, 1 or more, as in /rebalance?connections=100&rate=20")
		return
	}
	rate := float64(defaultRate)
	if s := r.FormValue("rate"); s != "" {
		if rate, err = strconv.ParseFloat(s, 64); err != nil || !(rate > 0 && rate <= 1e6) {
			fail(w, http.StatusBadRequest, "rate: connections a second, above 0, as in /rebalance?connections=100&rate=20")
			return
		}
	}
	write(w, http.StatusAccepted, map[string]any{"connections": o.Rebalance(connections, rate), "rate": rate})
}

func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, map[string]any{"error": map[string]any{"message": message}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // an & in an example stays one
	_ = e.Encode(body)     // a client that is gone reads nothing
}
