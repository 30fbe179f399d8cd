package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
)

// Options of the handler. The functions are called from any goroutine and must not
// wait for a shard or the router.
type Options struct {
	Metrics  http.Handler
	Alive    func() error // /healthz: nil while router and shards turn, else which does not
	NotReady func() error // /readyz: nil while clients can be served, else why not
	Version  any          // /version: encoded as JSON

	// Drain begins the drain, unless it has begun, and returns how many connections
	// are open.
	Drain func() (connections int)
	// Rebalance begins to close up to so many connections, rate a second, and returns
	// how many it has chosen.
	Rebalance func(connections int, rate float64) (chosen int)

	// Open says that nobody from elsewhere reaches the listener: then no token is
	// asked for. Otherwise it is Token, and without one nothing that needs it is done.
	Open  bool
	Token string
}

// A route is something that is here.
type route struct {
	path    string
	method  string
	guarded bool // needs the token
	handler http.HandlerFunc
}

func (o Options) routes() []route {
	return []route{
		{"/metrics", http.MethodGet, false, o.Metrics.ServeHTTP},
		{"/healthz", http.MethodGet, false, report("alive", o.Alive)},
		{"/readyz", http.MethodGet, false, report("ready", o.NotReady)},
		{"/version", http.MethodGet, false, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, o.Version) }},
		{"/drain", http.MethodPost, true, o.drain},
		{"/rebalance", http.MethodPost, true, o.rebalance},
		{"/debug/pprof/", http.MethodGet, true, pprof.Index}, // and the profiles below it
		{"/debug/pprof/cmdline", http.MethodGet, true, pprof.Cmdline},
		{"/debug/pprof/profile", http.MethodGet, true, pprof.Profile},
		{"/debug/pprof/symbol", http.MethodGet, true, pprof.Symbol},
		{"/debug/pprof/symbol", http.MethodPost, true, pprof.Symbol}, // go tool pprof asks so
		{"/debug/pprof/trace", http.MethodGet, true, pprof.Trace},
	}
}

// methods are what one path takes. ServeMux does not choose the method, because its
// 405 has no body in JSON.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler := m[r.Method]; handler != nil {
		handler(w, r)
		return
	}
	allowed := strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	w.Header().Set("Allow", allowed)
	fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s, not %s", r.URL.Path, allowed, r.Method))
}

// New returns the handler.
func New(o Options) http.Handler {
	paths := make(map[string]methods)
	var list []string
	for _, r := range o.routes() {
		if paths[r.path] == nil {
			paths[r.path] = make(methods)
		}
		handler := r.handler
		if r.guarded {
			handler = o.withToken(handler)
		}
		paths[r.path][r.method] = handler
		if r.method == http.MethodGet {
			paths[r.path][http.MethodHead] = handler
		}
		if part, pprof := strings.CutPrefix(r.path, "/debug/pprof/"); !pprof || part == "" {
			list = append(list, r.method+" "+r.path)
		}
	}
	mux := http.NewServeMux()
	for path, methods := range paths {
		mux.Handle(path, methods)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "there is no such thing here; there is "+strings.Join(list, ", "))
	})

	// On loopback there is no token, and a browser on this machine lets every page
	// send a POST there: those are told apart by what browsers add to them.
	pages := http.NewCrossOriginProtection()
	pages.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "this is not for web pages")
	}))
	return pages.Handler(mux)
}

// withToken lets through who may do what is guarded.
func (o Options) withToken(next http.HandlerFunc) http.HandlerFunc {
	if o.Open {
		return next
	}
	if o.Token == "" {
		return func(w http.ResponseWriter, _ *http.Request) {
			fail(w, http.StatusForbidden, "others can reach this listener, so a token is needed: start the server with WS_ADMIN_TOKEN, or with WS_ADMIN_ADDR on loopback")
		}
	}
	// Sums are compared, so that not even the length shows in the time it takes.
	want := sha256.Sum256([]byte(o.Token))
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2
			fail(w, http.StatusUnauthorized, "send the header Authorization: Bearer, and after it the server's WS_ADMIN_TOKEN")
			return
		}
		next(w, r)
	}
}

// report answers with 200, or with 503 and why.
func report(state string, wrong func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := wrong(); err != nil {
			answer(w, http.StatusServiceUnavailable, map[string]string{"status": "not " + state, "reason": err.Error()})
			return
		}
		answer(w, http.StatusOK, map[string]string{"status": state})
	}
}

func (o Options) drain(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusAccepted, struct {
		Draining    bool `json:"draining"`
		Connections int  `json:"connections"`
	}{true, o.Drain()})
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]map[string]string{"error": {"message": message}})
}

func answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false) // people read this in a terminal
	_ = lines.Encode(body)     // whoever asked may have gone
}
