package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A standIn answers in the place of a running one's admin address.
type standIn struct {
	addr   string
	looked chan struct{} // one for each look at a drain, as long as there is room
}

// newStandIn answers as handlers say; without them it drains and does not end.
func newStandIn(t *testing.T, handlers map[string]http.HandlerFunc) *standIn {
	t.Helper()
	s := &standIn{looked: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	if handlers == nil {
		handlers = map[string]http.HandlerFunc{
			"POST /drain": answering(http.StatusAccepted, ""),
			"GET /metrics": func(w http.ResponseWriter, _ *http.Request) {
				select {
				case s.looked <- struct{}{}:
				default:
				}
				_, _ = w.Write([]byte("ws_draining 1\nws_connections 3\n"))
			},
		}
	}
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	real := httptest.NewServer(mux)
	t.Cleanup(real.Close)
	s.addr = real.Listener.Addr().String()
	return s
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestHealthcheck(t *testing.T) {
	s := newStandIn(t, map[string]http.HandlerFunc{
		"GET /healthz": answering(200, "ok"), "GET /readyz": answering(503, "\nKafka is not read up\nmore\n"),
	})
	_, port, _ := net.SplitHostPort(s.addr)
	for _, addr := range []string{s.addr, ":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		if got := (session{environ: []string{"WS_ADMIN_ADDR=" + addr}}).do(t, "healthcheck"); got != (left{out: "alive\n"}) {
			t.Errorf("%s: %+v", addr, got)
		}
	}
	got := do(t, "healthcheck", "--ready", "--admin-addr="+s.addr)
	if want := "ws-multi: ask " + s.addr + "/readyz: it answers 503, Kafka is not read up\n"; got != (left{status: 1, err: want}) {
		t.Errorf("not ready: %+v", got)
	}
	s = newStandIn(t, map[string]http.HandlerFunc{"GET /healthz": answering(503, ""), "GET /readyz": answering(200, "")})
	if got := do(t, "healthcheck", "--ready", "--admin-addr="+s.addr); got != (left{out: "ready\n"}) {
		t.Errorf("ready: %+v", got)
	}
	if got := do(t, "healthcheck", "--admin-addr="+s.addr); got != (left{status: 1, err: "ws-multi: ask " + s.addr + "/healthz: it answers 503\n"}) {
		t.Errorf("not alive: %+v", got)
	}
}

func TestHealthcheckWithoutAnAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // which nobody accepts from
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	got := do(t, "healthcheck", "--timeout=30ms", "--admin-addr="+addr)
	if want := "ws-multi: ask " + addr + "/healthz: no answer in time\n"; got != (left{status: 1, err: want}) {
		t.Errorf("it hangs: %+v", got)
	}
	_ = l.Close()
	got = do(t, "healthcheck", "--admin-addr="+addr)
	if want := "ws-multi: ask " + addr + "/healthz: nothing listens there; start the server, or give its WS_ADMIN_ADDR\n"; got != (left{status: 1, err: want}) {
		t.Errorf("nobody there: %+v", got)
	}
}

// Neither a proxy nor a redirect leads away from this host, and the token goes
// nowhere else.
func TestHealthcheckAsksThisHostOnly(t *testing.T) {
	away := newStandIn(t, map[string]http.HandlerFunc{"/": func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }})
	t.Setenv("HTTP_PROXY", "http://"+away.addr)
	here := newStandIn(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 0123456789abcdef" {
			t.Errorf("it bears %q", r.Header)
		}
		http.Redirect(w, r, "http://"+away.addr, http.StatusFound)
	}})
	got := session{environ: []string{"WS_ADMIN_TOKEN=0123456789abcdef"}}.do(t, "healthcheck", "--admin-addr="+here.addr)
	if got.status != 1 || !strings.Contains(got.err, "it answers 302") {
		t.Errorf("got %+v", got)
	}
}

func TestSaid(t *testing.T) {
	for body, want := range map[string]string{
		"": "", " \n": "", "a\nb": ", a", strings.Repeat("ä", 300): ", " + strings.Repeat("ä", 100) + "...", "x" + strings.Repeat("ä", 300): ", x" + strings.Repeat("ä", 99) + "...",
	} {
		if got := said([]byte(body)); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}
