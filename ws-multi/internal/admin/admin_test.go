package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminToken = "the admin's own"

// server is the process behind the listener.
type server struct {
	mu       sync.Mutex
	alive    error
	notReady error
	drains   int
	moves    []move
}

func (s *server) options(open bool, token string) Options {
	return Options{
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ws_ready 1\n") }),
		Alive:    func() error { return s.alive },
		NotReady: func() error { return s.notReady },
		Version:  map[string]string{"architecture": "multi-core"},
		Drain: func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.drains++
			return 42
		},
		Rebalance: func(connections int, rate float64) int {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.moves = append(s.moves, move{connections, rate})
			return min(connections, 42)
		},
		Open: open, Token: token,
	}
}

func ask(h http.Handler, method, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func with(credentials string) http.Header { return http.Header{"Authorization": {credentials}} }

func TestAnswers(t *testing.T) {
	s := &server{}
	h := New(s.options(true, ""))
	for _, test := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/metrics", 200, "ws_ready 1\n"},
		{"GET", "/healthz", 200, `{"status":"alive"}` + "\n"},
		{"GET", "/readyz", 200, `{"status":"ready"}` + "\n"},
		{"GET", "/version", 200, `{"architecture":"multi-core"}` + "\n"},
		{"POST", "/drain", 202, `{"draining":true,"connections":42}` + "\n"},
		{"POST", "/rebalance?connections=9", 202, `{"connections":9,"rate":50}` + "\n"},
		{"POST", "/rebalance?connections=99&rate=0.5", 202, `{"connections":42,"rate":0.5}` + "\n"},
	} {
		w := ask(h, test.method, test.target, nil)
		if w.Code != test.status || w.Body.String() != test.body {
			t.Errorf("%s %s: %d %s", test.method, test.target, w.Code, w.Body)
		}
		if kind := w.Header().Get("Content-Type"); test.target != "/metrics" && kind != "application/json" {
			t.Errorf("%s %s: %s", test.method, test.target, kind)
		}
	}
	if s.drains != 1 || len(s.moves) != 2 || s.moves[1] != (move{99, 0.5}) {
		t.Errorf("%d drains, moves %v", s.drains, s.moves)
	}
	s.alive, s.notReady = errors.New("shard 3 is stuck"), errors.New("no broker answers")
	for target, reason := range map[string]string{"/healthz": "shard 3 is stuck", "/readyz": "no broker answers"} {
		if w := ask(h, "GET", target, nil); w.Code != 503 || !strings.Contains(w.Body.String(), reason) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		if w := ask(h, "HEAD", target, nil); w.Code != 503 {
			t.Errorf("HEAD %s: %d", target, w.Code)
		}
	}
}

func TestWhoMay(t *testing.T) {
	free := []string{"GET /metrics", "GET /healthz", "GET /readyz", "GET /version", "HEAD /healthz"}
	guarded := []string{
		"POST /drain", "POST /rebalance?connections=1", "GET /debug/pprof/", "GET /debug/pprof/cmdline", "GET /debug/pprof/goroutine?debug=1",
		"GET /debug/pprof/symbol", "POST /debug/pprof/symbol", "GET /debug/pprof/heap", "GET /debug/pprof/trace?seconds=0.01", "HEAD /debug/pprof/cmdline",
	}
	for _, test := range []struct {
		name   string
		open   bool
		token  string
		sent   http.Header
		denied int // status of what is guarded; 0: it is done
	}{
		{"open", true, "", nil, 0},
		{"open, with a token", true, adminToken, nil, 0},
		{"without a token set", false, "", nil, 403},
		{"without a token set, an empty one", false, "", with("Bearer "), 403},
		{"no token", false, adminToken, nil, 401},
		{"the token", false, adminToken, with("Bearer " + adminToken), 0},
		{"the token, scheme in small letters", false, adminToken, with("bearer " + adminToken), 0},
		{"another", false, adminToken, with("Bearer another"), 401},
		{"its beginning", false, adminToken, with("Bearer " + adminToken[:5]), 401},
		{"more than it", false, adminToken, with("Bearer " + adminToken + "x"), 401},
		{"in other letters", false, adminToken, with("Bearer " + strings.ToUpper(adminToken)), 401},
		{"an empty one", false, adminToken, with("Bearer "), 401},
		{"another scheme", false, adminToken, with("Basic " + adminToken), 401},
		{"no scheme", false, adminToken, with(adminToken), 401},
	} {
		s := &server{}
		h := New(s.options(test.open, test.token))
		for _, what := range free {
			method, target, _ := strings.Cut(what, " ")
			if w := ask(h, method, target, test.sent); w.Code != 200 {
				t.Errorf("%s: %s: %d", test.name, what, w.Code)
			}
		}
		for _, what := range guarded {
			method, target, _ := strings.Cut(what, " ")
			w := ask(h, method, target, test.sent)
			if test.denied == 0 && w.Code/100 != 2 || test.denied != 0 && w.Code != test.denied {
				t.Errorf("%s: %s: %d %s", test.name, what, w.Code, w.Body)
			}
			if test.denied != 0 && !strings.Contains(w.Body.String(), "WS_ADMIN_TOKEN") || strings.Contains(w.Body.String(), adminToken) {
				t.Errorf("%s: %s: %s", test.name, what, w.Body)
			}
			if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("%s: %s: %v", test.name, what, w.Header())
			}
		}
		if done := s.drains + len(s.moves); done != 2 && test.denied == 0 || done != 0 && test.denied != 0 {
			t.Errorf("%s: %d were done", test.name, done)
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	for _, open := range []bool{true, false} { // a wrong method or path is told to anybody
		h := New((&server{}).options(open, adminToken))
		for _, test := range []struct {
			method, target string
			status         int
			allow          string
		}{
			{"GET", "/drain", 405, "POST"},
			{"HEAD", "/drain", 405, "POST"},
			{"PUT", "/rebalance?connections=1", 405, "POST"},
			{"POST", "/metrics", 405, "GET, HEAD"},
			{"DELETE", "/healthz", 405, "GET, HEAD"},
			{"POST", "/debug/pprof/profile", 405, "GET, HEAD"},
			{"POST", "/debug/pprof/", 405, "GET, HEAD"},
			{"PUT", "/debug/pprof/symbol", 405, "GET, HEAD, POST"},
			{"GET", "/", 404, ""},
			{"GET", "/health", 404, ""},
			{"GET", "/ws", 404, ""},
			{"POST", "/drain/", 404, ""},
			{"GET", "/metricsx", 404, ""},
		} {
			w := ask(h, test.method, test.target, nil)
			var body struct{ Error struct{ Message string } }
			err := json.Unmarshal(w.Body.Bytes(), &body)
			if w.Code != test.status || w.Header().Get("Allow") != test.allow || err != nil || body.Error.Message == "" {
				t.Errorf("%s %s: %d, Allow %q: %s", test.method, test.target, w.Code, w.Header().Get("Allow"), w.Body)
			}
			for _, there := range []string{"GET /metrics", "GET /healthz", "GET /readyz", "GET /version", "POST /drain", "POST /rebalance", "GET /debug/pprof/"} {
				if w.Code == 404 && !strings.Contains(body.Error.Message, there) {
					t.Errorf("%s is not listed: %s", there, body.Error.Message)
				}
			}
		}
	}
}

// On loopback no token protects the server from the pages in its own machine's
// browser.
func TestPagesCannotPost(t *testing.T) {
	s := &server{}
	h := New(s.options(true, ""))
	for _, page := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.test"}}, {"Origin": {"null"}},
	} {
		for _, target := range []string{"/drain", "/rebalance?connections=1"} {
			if w := ask(h, "POST", target, page); w.Code != 403 {
				t.Errorf("%v: %s: %d %s", page, target, w.Code, w.Body)
			}
		}
	}
	if s.drains+len(s.moves) != 0 {
		t.Error("it was done nevertheless")
	}
}

func TestRebalanceParameters(t *testing.T) {
	s := &server{}
	h := New(s.options(true, ""))
	for query, says := range map[string]string{
		"":                                   "connections:",
		"rate=5":                             "connections:",
		"connections=":                       "connections:",
		"connections=0":                      "connections:",
		"connections=-1":                     "connections:",
		"connections=x":                      "connections:",
		"connections=1.5":                    "connections:",
		"connections=99999999999999999999":   "connections:",
		"connections=1&connections=2":        "connections: given 2 times",
		"connections=1&rate=":                "rate:",
		"connections=1&rate=0":               "rate:",
		"connections=1&rate=-1":              "rate:",
		"connections=1&rate=x":               "rate:",
		"connections=1&rate=NaN":             "rate:",
		"connections=1&rate=Inf":             "rate:",
		"connections=1&rate=1000001":         "rate:",
		"connections=1&rate=1e999":           "rate:",
		"connections=1&rates=5":              `rates`,
		"connection=1":                       "unknown parameter",
		"connections=1;rate=5":               "cannot be read",
		"connections=%zz":                    "cannot be read",
		strings.Repeat("x", 5000):            "unknown parameter",
		"connections=1&rate=1&Connections=3": `Connections`,
	} {
		w := ask(h, "POST", "/rebalance?"+query, nil)
		if w.Code != 400 || !strings.Contains(w.Body.String(), says) || !strings.Contains(w.Body.String(), "/rebalance?connections=100&rate=20") || w.Body.Len() > 300 {
			t.Errorf("%.60q: %d %s", query, w.Code, w.Body)
		}
	}
	for body, status := range map[string]int{"connections=3&rate=2": 202, "connections=0": 400, "connections=3&x=" + strings.Repeat("y", 5000): 400} {
		r := httptest.NewRequest("POST", "/rebalance", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != status {
			t.Errorf("a form %.60q: %d %s", body, w.Code, w.Body)
		}
	}
	if fmt.Sprint(s.moves) != "[{3 2}]" {
		t.Errorf("done: %v", s.moves)
	}
}

func FuzzMove(f *testing.F) {
	f.Add("connections=1&rate=5")
	f.Add("connections=+1&rate=0x1p-3")
	f.Add("rate=1e7")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		m, err := parseMove(form)
		if err == nil && (m.Connections < 1 || !(m.Rate > 0) || m.Rate > fastestRate || math.IsNaN(m.Rate)) || err != nil && m != (move{}) {
			t.Errorf("%q: %+v, %v", query, m, err)
		}
	})
}

// With a real listener: the profile of goroutines is there, in pprof's format.
func TestProfile(t *testing.T) {
	listener := httptest.NewServer(New((&server{}).options(false, adminToken)))
	defer listener.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, listener.URL+"/debug/pprof/goroutine?debug=2", nil)
	r.Header = with("Bearer " + adminToken)
	response, err := listener.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 || !strings.Contains(string(text), "TestProfile") {
		t.Errorf("%d, %v: %.200s", response.StatusCode, err, text)
	}
}
