package haproxy

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for a busy machine; nothing that works waits so long.
const patience = 45 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// backend is what HAProxy sees of a server: /health, and /ws with the upgrade. It echoes.
type backend struct {
	*httptest.Server
	sick      atomic.Bool // /health is 503
	refuses   atomic.Bool // /ws is 503
	open      atomic.Int32
	refused   atomic.Int32
	mu        sync.Mutex
	forwarded []string // the X-Forwarded-For of each client
	ended     sync.WaitGroup
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if b.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		if b.refuses.Load() {
			b.refused.Add(1)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		b.mu.Lock()
		b.forwarded = append(b.forwarded, strings.Join(r.Header.Values("X-Forwarded-For"), "; "))
		b.mu.Unlock()
		// Before the answer: whoever has it may look at once.
		b.ended.Add(1)
		defer b.ended.Done()
		b.open.Add(1)
		defer b.open.Add(-1)
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, text, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, text) != nil {
				return
			}
		}
	})
	b.Server = httptest.NewServer(mux)
	t.Cleanup(func() { b.Close(); b.ended.Wait() })
	return b
}

func (b *backend) addr() string { return b.Listener.Addr().String() }

// both starts HAProxy before two backends, with more variables.
func both(t *testing.T, env map[string]string) (single, multi *backend, p *Process) {
	t.Helper()
	return bothWith(t, Options{Env: env})
}

func bothWith(t *testing.T, o Options) (single, multi *backend, p *Process) {
	t.Helper()
	single, multi = newBackend(t), newBackend(t)
	dir, err := os.MkdirTemp("", "lb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	all := map[string]string{"LB_SINGLE": single.addr(), "LB_MULTI": multi.addr()}
	maps.Copy(all, o.Env)
	o.Dir, o.Env = dir, all
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if p, err = Start(ctx, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("HAProxy's log:\n%s", p.Log())
		}
	})
	return single, multi, p
}

// dial connects a client through HAProxy.
func dial(t *testing.T, p *Process) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+p.Addr+"/ws", http.Header{"X-Forwarded-For": {"6.6.6.6"}})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, resp, err
}

// dials connects n clients, which all must succeed.
func dials(t *testing.T, p *Process, n int) (all []*websocket.Conn) {
	t.Helper()
	for range n {
		c, _, err := dial(t, p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func echoes(t *testing.T, c *websocket.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := c.ReadMessage(); err != nil || string(text) != "hello" {
		t.Fatalf("got %q, %v", text, err)
	}
}

func view(t *testing.T, c *Client) View {
	t.Helper()
	v, err := c.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The file as it is shipped, and with each variable set as in a deployment, is right in HAProxy's own eyes; a wrong one is not.
func TestShippedIsValid(t *testing.T) {
	config, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(filepath.Dir(config), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	deployed := map[string]string{
		"LB_BIND": ":8080", "LB_METRICS_BIND": ":8404", "LB_ADMIN": "ipv4@:9999", "LB_LOG": "127.0.0.1:514", "LB_SINGLE": "127.0.0.1:3005", "LB_MULTI": "ws-multi:3002",
		"LB_SINGLE_WEIGHT": "1", "LB_MULTI_WEIGHT": "256", "LB_SINGLE_MAXCONN": "5", "LB_MULTI_MAXCONN": "50000", "LB_MULTI_SLOWSTART": "1m", "LB_TUNNEL_TIMEOUT": "1h",
	}
	for name := range deployed {
		if strings.Count(string(text), `"${`+name+"-") != 1 {
			t.Errorf("the configuration does not take %s, or has no default for it, or takes it twice", name)
		}
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("README.md does not tell of %s", name)
		}
	}
	if n := strings.Count(string(text), `"${`); n != len(deployed) {
		t.Errorf("the configuration takes %d variables, %d are tried", n, len(deployed))
	}
	for _, env := range []map[string]string{nil, deployed} {
		if err := Check(t.Context(), config, env); err != nil {
			t.Error(err)
		}
	}
	if err := Check(t.Context(), config, map[string]string{"LB_MULTI_WEIGHT": "257"}); err == nil || !strings.Contains(err.Error(), "weight") {
		t.Errorf("a weight of 257: %v", err)
	}
}

// Weights rule where clients go, over the unix socket and over TCP; leastconn comes to rest at them.
func TestWeights(t *testing.T) {
	for _, admin := range []string{"", freeAddr(t)} {
		t.Run("admin at "+admin, func(t *testing.T) {
			single, multi, p := bothWith(t, Options{Admin: admin})
			dials(t, p, 10)
			if single.open.Load() != 10 || multi.open.Load() != 0 {
				t.Errorf("with the weights of the file: %d and %d", single.open.Load(), multi.open.Load())
			}
			for server, weight := range map[string]int{"ws/ws-single": 128, "ws/ws-multi": 256} {
				if err := p.Runtime.SetWeight(t.Context(), server, weight); err != nil {
					t.Fatal(err)
				}
			}
			dials(t, p, 20)
			if n := multi.open.Load(); n < 19 || n > 20 {
				t.Errorf("of 20 more, which make it two to one, %d went to the one below", n)
			}
			v := view(t, p.Runtime)
			s, _ := v.Server("ws/ws-multi")
			if s.Weight != 256 || s.Sessions != int(multi.open.Load()) || !s.Takes() || !strings.HasPrefix(v.Version, "2.") {
				t.Errorf("it says %+v", v)
			}
			for server, want := range map[string]string{"ws/nobody": "HAProxy says: No such server", "nowhere/ws-multi": "HAProxy says: "} {
				if err := p.Runtime.SetWeight(t.Context(), server, 1); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the weight of %s: %v", server, err)
				}
			}
		})
	}
}

// After a reload the old process keeps its tunnels, which are counted no more, and the weights are the file's.
func TestReload(t *testing.T) {
	single, _, p := both(t, nil)
	clients := dials(t, p, 5)
	if err := p.Runtime.SetWeight(t.Context(), "ws/ws-multi", 7); err != nil {
		t.Fatal(err)
	}
	before := view(t, p.Runtime)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	after := view(t, p.Runtime)
	s, _ := after.Server("ws/ws-single")
	m, _ := after.Server("ws/ws-multi")
	if after.PID == before.PID || s.Sessions != 0 || m.Weight != 0 || single.open.Load() != 5 {
		t.Errorf("before %+v, after %+v; %d tunnels", before, after, single.open.Load())
	}
	for _, c := range clients {
		echoes(t, c)
	}
}

// A server that drains gets no new clients and keeps those it has; one that is gone, or refuses, costs nobody a handshake.
func TestTrouble(t *testing.T) {
	single, multi, p := both(t, map[string]string{"LB_SINGLE_WEIGHT": "1", "LB_MULTI_WEIGHT": "256"})
	held := dials(t, p, 3)
	if multi.open.Load() < 2 {
		t.Fatalf("%d of 3 are on ws-multi", multi.open.Load())
	}
	multi.refuses.Store(true)
	before := single.open.Load()
	dials(t, p, 5)
	if single.open.Load() != before+5 || multi.refused.Load() == 0 {
		t.Errorf("of 5, %d went to the other after %d refusals", single.open.Load()-before, multi.refused.Load())
	}
	single.refuses.Store(true)
	if _, resp, err := dial(t, p); err == nil || resp == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("refused by both, a client got %v, %v", resp, err)
	}
	single.refuses.Store(false)
	multi.refuses.Store(false)

	multi.sick.Store(true)
	asked := time.Now()
	eventually(t, "ws-multi to be down", func() bool { s, _ := view(t, p.Runtime).Server("ws/ws-multi"); return !s.Takes() })
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("HAProxy took %v to see a drain; the listener closes after 5 s", took)
	}
	for _, c := range held {
		echoes(t, c)
	}
	on := multi.open.Load()
	dials(t, p, 3)
	if multi.open.Load() != on {
		t.Error("a server that drains got a client")
	}

	multi.sick.Store(false)
	eventually(t, "ws-multi to be up", func() bool { s, _ := view(t, p.Runtime).Server("ws/ws-multi"); return s.Takes() })
	multi.Listener.Close()
	dials(t, p, 3)

	multi.mu.Lock()
	defer multi.mu.Unlock()
	for _, f := range append(multi.forwarded, single.forwarded...) {
		if f != "127.0.0.1" {
			t.Errorf("a server was told that a client is %q", f)
		}
	}
}

// The challenger's maxconn holds, whatever its weight; what is beyond goes to the other.
func TestMaxconn(t *testing.T) {
	single, multi, p := both(t, map[string]string{"LB_SINGLE_WEIGHT": "1", "LB_MULTI_WEIGHT": "256", "LB_MULTI_MAXCONN": "4"})
	dials(t, p, 10)
	if multi.open.Load() != 4 || single.open.Load() != 6 {
		t.Errorf("%d on ws-multi, %d on ws-single", multi.open.Load(), single.open.Load())
	}
}

// A tunnel without a word ends at its timeout, one with words does not.
func TestTunnelTimeout(t *testing.T) {
	_, _, p := both(t, map[string]string{"LB_TUNNEL_TIMEOUT": "2s"})
	clients := dials(t, p, 2)
	silent := make(chan struct{})
	go func() {
		defer close(silent)
		_, _, _ = clients[0].ReadMessage() // whatever ends it
	}()
	for began := time.Now(); time.Since(began) < 4*time.Second; time.Sleep(200 * time.Millisecond) {
		echoes(t, clients[1])
	}
	select {
	case <-silent:
	case <-time.After(patience):
		t.Error("the silent one is still open")
		_ = clients[0].Close()
		<-silent
	}
}

// HAProxy's own figures are there for Prometheus.
func TestOwnFigures(t *testing.T) {
	_, _, p := both(t, nil)
	dials(t, p, 2)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]string{"/metrics": `haproxy_server_current_sessions{proxy="ws",server="ws-single"} 2`, "/healthz": "ok\n", "/": "Statistics Report"} {
		resp, err := client.Get("http://" + p.Metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d, %v, without %q", path, resp.StatusCode, err, want)
		}
	}
}

func TestNew(t *testing.T) {
	for address, want := range map[string]string{"/run/x.sock": "unix /run/x.sock", "unix:/run/x.sock": "unix /run/x.sock", "127.0.0.1:9999": "tcp 127.0.0.1:9999", "haproxy:9999": "tcp haproxy:9999"} {
		if c, err := New(address); err != nil || c.network+" "+c.address != want {
			t.Errorf("%s: %+v, %v", address, c, err)
		}
	}
	for _, address := range []string{"", "x.sock", "haproxy", "haproxy:"} {
		if _, err := New(address); err == nil || !strings.Contains(err.Error(), "write the path of its socket, from /, or host:port") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// What is no answer is said to be none.
func TestAnswers(t *testing.T) {
	const header = "Name: HAProxy\nVersion: 2.6.12\nPid: 7\n\n# pxname,svname,scur,status,uweight,\n"
	for answer, want := range map[string]string{
		header + "ws,a,3,UP,100,\n":              "",
		"":                                       "has no table",
		"# pxname,svname,scur,status,uweight,\n": "no Pid",
		strings.Replace(header, "uweight", "x", 1): "no column uweight",
		header + "ws,a,many,UP,100,\n":             "sessions of ws/a",
		header + "ws,a,3\n":                        "is short",
		header + "ws,a,3,UP,heavy,\n":              "weight of ws/a",
	} {
		v, err := parseView(answer)
		if want == "" && (err != nil || len(v.Servers) != 1 || v.Servers[0] != (Server{"ws", "a", 100, 3, "UP"})) {
			t.Errorf("%q: %+v, %v", answer, v, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", answer, err, want)
		}
	}
}

func TestTakes(t *testing.T) {
	for _, c := range []struct {
		status string
		weight int
		want   bool
	}{{"UP", 1, true}, {"UP 1/2", 1, true}, {"no check", 1, true}, {"DRAIN", 0, true}, {"DRAIN", 5, false}, {"DOWN", 1, false}, {"DOWN 1/2", 0, false}, {"MAINT", 1, false}} {
		if got := (Server{Status: c.status, Weight: c.weight}).Takes(); got != c.want {
			t.Errorf("%s with %d: %v", c.status, c.weight, got)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
