package front

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/loop"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type state struct {
	notReady error
	refusing bool
}

func (s *state) NotReady() error { return s.notReady }
func (s *state) Refusing() bool  { return s.refusing }

// noRecords is a loop's source that never has any.
type noRecords struct{}

func (noRecords) Batches() <-chan *kafka.Batch { return nil }
func (noRecords) Release(*kafka.Batch)         {}
func (noRecords) Ends(context.Context, int, []int32) ([]int64, error) {
	return nil, errors.New("no broker")
}

const secret = "0123456789abcdef0123456789abcdef"

func serve(t *testing.T, s *state, change func(*Options, *guard.Options)) (addr string, h *Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g := guard.Options{Cores: 1}
	o := Options{
		State: s, Upgrader: socket.NewUpgrader(1000, time.Second), Log: slog.New(slog.DiscardHandler),
		Health: func() Health { return Health{Status: "draining"} },
	}
	o.Origins, _ = auth.NewOrigins(nil, true)
	change(&o, &g)
	var err error
	if o.Guard, err = guard.New(g); err != nil {
		t.Fatal(err)
	}
	o.Loop = loop.New(noRecords{}, loop.Options{Server: "ws-single", Events: []string{"trade"}, Log: o.Log})
	h = New(o)
	l, err := socket.Listen(ctx, "127.0.0.1:0", socket.Options{StallTimeout: time.Second, MessageTimeout: time.Second, HalfOpen: 10})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	var running sync.WaitGroup
	running.Go(func() { _ = o.Loop.Run(ctx) })
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		cancel()
		running.Wait()
		if o.Verifier != nil {
			o.Verifier.Close()
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return l.Addr().String(), h
}

// refusal dials and wants to be refused before the upgrade.
func refusal(t *testing.T, addr string, header http.Header, status int, code string) string {
	t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws", header)
	if err == nil {
		_ = ws.Close()
		t.Fatalf("let in, want %d %s", status, code)
	}
	if resp == nil {
		t.Fatal(err)
	}
	var body struct {
		Error struct {
			Code, Message string
			Temporary     bool
		}
	}
	p, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(p, &body)
	if resp.StatusCode != status || body.Error.Code != code || !body.Error.Temporary || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %s %v, want %d %s with Retry-After", resp.StatusCode, p, resp.Header, status, code)
	}
	return body.Error.Message
}

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	none := func(*Options, *guard.Options) {}
	for _, e := range []struct {
		name   string
		state  state
		change func(*Options, *guard.Options)
		header http.Header
		status int
		code   string
		says   string
	}{
		{"not ready", state{notReady: errors.New("no Kafka broker answers")}, none, nil, 503, metric.RejectNotReady, "no Kafka broker"},
		{"refusing", state{refusing: true}, none, nil, 503, metric.RejectDraining, ""},
		{"origin", state{}, none, http.Header{"Origin": {"https://evil.example"}}, 403, metric.RejectOrigin, "WS_ALLOWED_ORIGINS"},
		{"no origin", state{}, func(o *Options, _ *guard.Options) {
			o.Origins, _ = auth.NewOrigins(nil, false)
		}, nil, 403, metric.RejectOrigin, "WS_ALLOW_NO_ORIGIN"},
	} {
		t.Run(e.name, func(t *testing.T) {
			addr, h := serve(t, &e.state, e.change)
			if m := refusal(t, addr, e.header, e.status, e.code); !strings.Contains(m, e.says) {
				t.Errorf("it says %q", m)
			}
			if h.Rejected()[e.code] != 1 || h.o.Guard.Open() != 0 {
				t.Errorf("rejected %v, %d places taken", h.Rejected(), h.o.Guard.Open())
			}
		})
	}
}

func dial(t *testing.T, addr string, header http.Header) *websocket.Conn {
	t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws", header)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	return ws
}

func welcomed(t *testing.T, ws *websocket.Conn) {
	t.Helper()
	if _, p, err := ws.ReadMessage(); err != nil || !strings.Contains(string(p), `"type":"welcome"`) {
		t.Fatalf("%s, %v", p, err)
	}
}

func closedWith(t *testing.T, ws *websocket.Conn, code int) {
	t.Helper()
	var closed *websocket.CloseError
	if _, p, err := ws.ReadMessage(); !errors.As(err, &closed) || closed.Code != code {
		t.Fatalf("%s, %v, want %d without a welcome", p, err, code)
	}
}

func token(t *testing.T, claims jwt.MapClaims) http.Header {
	t.Helper()
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + s}}
}

func TestTokens(t *testing.T) {
	addr, h := serve(t, &state{}, func(o *Options, g *guard.Options) {
		o.Origins, _ = auth.NewOrigins(nil, false) // a verified token stands in for a missing Origin
		o.Verifier, _ = auth.NewVerifier(context.Background(), auth.Options{Secret: secret})
		g.Limits.ConnectionsPerSub = 1
	})
	soon := time.Now().Add(time.Hour).Unix()
	closedWith(t, dial(t, addr, nil), int(wire.CloseUnauthorized))
	closedWith(t, dial(t, addr, token(t, jwt.MapClaims{"sub": "a", "exp": 1})), int(wire.CloseUnauthorized))
	welcomed(t, dial(t, addr, token(t, jwt.MapClaims{"sub": "a", "exp": soon})))
	closedWith(t, dial(t, addr, token(t, jwt.MapClaims{"sub": "a", "exp": soon})), int(wire.CloseConnectionLimit))
	welcomed(t, dial(t, addr, token(t, jwt.MapClaims{"sub": "b", "exp": soon})))
	header := token(t, jwt.MapClaims{"sub": "c", "exp": soon})
	header.Set("Origin", "https://evil.example")
	refusal(t, addr, header, 403, metric.RejectOrigin) // a token does not help a page that may not be here
	got := h.Rejected()
	if got[metric.RejectToken] != 2 || got[metric.RejectSubjectConnections] != 1 || got[metric.RejectOrigin] != 1 {
		t.Errorf("rejected %v", got)
	}
}

func TestPerAddressLimitSeesThroughTrustedProxiesOnly(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		addr, _ := serve(t, &state{}, func(o *Options, g *guard.Options) {
			g.Limits.ConnectionsPerAddr = 1
			if trusted {
				o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
		})
		welcomed(t, dial(t, addr, http.Header{"X-Forwarded-For": {"192.0.2.1"}}))
		second := http.Header{"X-Forwarded-For": {"192.0.2.2"}}
		if trusted {
			welcomed(t, dial(t, addr, second))
		} else {
			refusal(t, addr, second, 429, metric.RejectAddrConnections)
		}
	}
}

func TestPlainRequests(t *testing.T) {
	addr, _ := serve(t, &state{}, func(*Options, *guard.Options) {})
	for path, want := range map[string]int{"/ws": 426, "/health": 503, "/": 404, "/metrics": 404, "/debug/pprof/": 404} {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v, want %d", path, resp.StatusCode, resp.Header, want)
		}
	}
}

// The body is what load balancers and dashboards read.
func TestHealthBody(t *testing.T) {
	h := Health{Status: "ok", Healthy: true}
	h.Checks.Capacity = Capacity{Current: 3, Max: 12000}
	h.Checks.CPU.Percentage = 12.5
	p, _ := json.Marshal(h)
	want := `{"status":"ok","healthy":true,"checks":{"capacity":{"current":3,"max":12000},"cpu":{"percentage":12.5},` +
		`"memory":{"percentage":0},"kafka":{"connected":false,"paused":false,"lag":0}}}`
	if string(p) != want {
		t.Errorf("%s\nwant %s", p, want)
	}
}

// A request whose body never comes is answered, and its connection is closed.
func TestMissingBody(t *testing.T) {
	addr, _ := serve(t, &state{}, func(*Options, *guard.Options) {})
	for _, request := range []string{
		"PUT /health HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n",
		"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
	} {
		client, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = client.SetDeadline(time.Now().Add(3 * time.Second))
		_, _ = client.Write([]byte(request))
		var answer strings.Builder
		_, err = io.Copy(&answer, client)
		_ = client.Close()
		if err != nil || !strings.HasPrefix(answer.String(), "HTTP/1.1 404") {
			t.Errorf("%v, after %q", err, answer.String())
		}
	}
}

// To refuse costs CPU time, which is not the load that the guard refuses for.
func TestRefusedHandshakesAreTakenOff(t *testing.T) {
	var used atomic.Int64
	addr, h := serve(t, &state{}, func(_ *Options, g *guard.Options) {
		g.Limits.HandshakesPerAddr = 0.001
		g.CPUTime = func() time.Duration { return time.Duration(used.Load()) }
	})
	for range 5 { // the burst
		ws, resp, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		_ = ws.Close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.o.Guard.Run(ctx) })
	defer running.Wait()
	defer cancel()
	next := func() guard.Snapshot {
		t.Helper()
		was := h.o.Guard.Snapshot().At
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			switch s := h.o.Guard.Snapshot(); {
			case s.At.After(was):
				return s
			case time.Now().After(end):
				t.Fatal("no sample")
			}
		}
	}
	next()
	for range 50 {
		used.Add(int64(guard.RefusedCost))
		refusal(t, addr, nil, 429, metric.RejectAddrRate)
	}
	if s := next(); s.CPULoad != 0 {
		t.Errorf("50 refusals make a load of %f", s.CPULoad)
	}
}
