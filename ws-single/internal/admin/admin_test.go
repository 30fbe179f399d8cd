package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func handler(o Options) http.Handler {
	o.Metrics = http.NotFoundHandler()
	o.Alive = func() error { return nil }
	o.NotReady = func() error { return errors.New("no Kafka broker answers") }
	o.Version = map[string]string{"version": "v1"}
	o.Drain = func() int { return 7 }
	o.Rebalance = func(n int, rate float64) int { return min(n, 5) }
	return New(o)
}

func ask(h http.Handler, method, target, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhoMayDoWhat(t *testing.T) {
	open, closed, guarded := handler(Options{Open: true}), handler(Options{}), handler(Options{Token: "secret"})
	for _, e := range []struct {
		method, target string
		open           int
		guarded        bool
	}{
		{"GET", "/healthz", 200, false},
		{"GET", "/readyz", 503, false},
		{"GET", "/version", 200, false},
		{"POST", "/drain", 202, true},
		{"POST", "/rebalance?connections=9", 202, true},
		{"GET", "/debug/pprof/cmdline", 200, true},
		{"GET", "/drain", 405, false},
		{"GET", "/nothing", 404, false},
	} {
		want := [4]int{e.open, e.open, e.open, e.open}
		if e.guarded {
			want = [4]int{e.open, 403, 401, e.open}
		}
		got := [4]int{
			ask(open, e.method, e.target, "").Code, ask(closed, e.method, e.target, "").Code,
			ask(guarded, e.method, e.target, "wrong").Code, ask(guarded, e.method, e.target, "secret").Code,
		}
		if got != want {
			t.Errorf("%s %s: open, without a token set, with a wrong one, with the right one: %v, want %v", e.method, e.target, got, want)
		}
	}
}

// A page in a browser of this host is another origin, and may look but not touch.
func TestWebPagesMayNotTouch(t *testing.T) {
	for site, want := range map[string]int{"": 202, "none": 202, "same-origin": 202, "cross-site": 403, "same-site": 403} {
		r := httptest.NewRequest(http.MethodPost, "/drain", nil)
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		w := httptest.NewRecorder()
		handler(Options{Open: true}).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Sec-Fetch-Site %q: %d %s, want %d", site, w.Code, w.Body, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	h := handler(Options{Open: true})
	for target, want := range map[string]map[string]any{
		"GET /readyz":  {"status": "not ready", "reason": "no Kafka broker answers"},
		"GET /healthz": {"status": "alive"},
		"POST /drain":  {"draining": true, "connections": 7.0},
		"POST /rebalance?connections=9&rate=12.5": {"connections": 5.0, "rate": 12.5},
	} {
		method, target, _ := strings.Cut(target, " ")
		var got map[string]any
		if err := json.Unmarshal(ask(h, method, target, "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %v, want %v", target, got, want)
			}
		}
	}
}

func TestRebalanceRefusesNonsense(t *testing.T) {
	h := handler(Options{Open: true})
	for _, q := range []string{"", "connections=0", "connections=x", "connections=1&rate=0", "connections=1&rate=-1", "connections=1&rate=NaN", "connections=1&rate=fast"} {
		w := ask(h, "POST", "/rebalance?"+q, "")
		if w.Code != 400 || !strings.Contains(w.Body.String(), "rate=20") {
			t.Errorf("%q: %d %s", q, w.Code, w.Body)
		}
	}
}
