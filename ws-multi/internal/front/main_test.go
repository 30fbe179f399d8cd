package front

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a secret of thirty-two bytes and more"

// world is a public listener on a real port, and what stands behind it. The shard
// greets each arrival and keeps it until the test ends.
type world struct {
	*Handler
	addr   string
	client *http.Client

	mu       sync.Mutex
	arrivals []Arrival
}

// open starts a world; change may set what differs from a ready server that lets
// everybody in.
func open(t *testing.T, l guard.Limits, change func(*Options)) *world {
	t.Helper()
	w := &world{client: &http.Client{Transport: &http.Transport{}}}
	g, err := guard.New(guard.Options{Cores: 2, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Refusing: func() bool { return false },
		NotReady: func() error { return nil },
		Health:   func() Health { return Health{Status: StatusOK, Healthy: true} },
		Guard:    g,
		Origins:  origins(t, true),
		Upgrader: socket.NewUpgrader(time.Second),
		Take:     w.take,
		Log:      slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	w.Handler = New(o)
	listener, err := socket.Listen(t.Context(), "127.0.0.1:0", socket.Options{StallTimeout: time.Second, HalfOpen: 100})
	if err != nil {
		t.Fatal(err)
	}
	w.addr = listener.Addr().String()
	server := &http.Server{Handler: w, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
		for _, a := range w.taken() {
			a.FD.Close()
			a.Place.Release()
		}
		// Only what nobody holds is back.
		eventually(t, "all places to be given back", func() bool { return g.Open() == 0 })
	})
	return w
}

// take notes an arrival before it greets it: who has read the welcome may rely on
// its being noted.
func (w *world) take(a Arrival) {
	w.mu.Lock()
	w.arrivals = append(w.arrivals, a)
	w.mu.Unlock()
	text := []byte(`{"type":"welcome"}`)
	_, _ = a.FD.Send(append([]byte{0x81, byte(len(text))}, text...))
}

func (w *world) taken() []Arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Arrival(nil), w.arrivals...)
}

func origins(t *testing.T, none bool, allowed ...string) *auth.Origins {
	t.Helper()
	o, err := auth.NewOrigins(allowed, none)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func verifier(t *testing.T, o auth.Options) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func tokenOf(t *testing.T, sub string, lasts time.Duration) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": sub, "exp": time.Now().Add(lasts).Unix()}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// dial makes a handshake. Exactly one of the results is not nil.
func (w *world) dial(t *testing.T, h http.Header, subprotocols ...string) (*websocket.Conn, *http.Response) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: subprotocols, HandshakeTimeout: 10 * time.Second}
	ws, response, err := d.DialContext(t.Context(), "ws://"+w.addr+"/ws", h)
	if err == nil {
		t.Cleanup(func() { _ = ws.Close() })
		_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		return ws, nil
	}
	if response == nil {
		t.Fatal(err)
	}
	return nil, response
}

func (w *world) welcomed(t *testing.T, h http.Header, subprotocols ...string) *websocket.Conn {
	t.Helper()
	ws, response := w.dial(t, h, subprotocols...)
	if response != nil {
		t.Fatalf("refused with %d", response.StatusCode)
	}
	if _, text, err := ws.ReadMessage(); err != nil || string(text) != `{"type":"welcome"}` {
		t.Fatalf("got %q, %v", text, err)
	}
	return ws
}

// closed wants the upgrade to be completed, and closed with the code and no word
// before it.
func (w *world) closed(t *testing.T, h http.Header, code wire.CloseCode, subprotocols ...string) string {
	t.Helper()
	ws, response := w.dial(t, h, subprotocols...)
	if response != nil {
		t.Fatalf("refused with %d before the upgrade", response.StatusCode)
	}
	_, text, err := ws.ReadMessage()
	var closing *websocket.CloseError
	if !errors.As(err, &closing) || closing.Code != int(code) {
		t.Fatalf("got %q, %v, want %d", text, err, code)
	}
	return closing.Text
}

// refusal wants an answer in place of the upgrade, and returns its message.
func (w *world) refusal(t *testing.T, h http.Header, status int, reason string) string {
	t.Helper()
	ws, response := w.dial(t, h)
	if ws != nil {
		t.Fatal("let in")
	}
	body := problem(t, response)
	if response.StatusCode != status || body.Code != reason || !body.Temporary || response.Header.Get("Retry-After") == "" {
		t.Fatalf("got %d %+v %v, want %d %s", response.StatusCode, body, response.Header, status, reason)
	}
	return body.Message
}

type problemBody struct {
	Code, Message string
	Temporary     bool
}

func problem(t *testing.T, response *http.Response) problemBody {
	t.Helper()
	var body struct{ Error problemBody }
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &body); err != nil || body.Error.Message == "" || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %q, %v", response.StatusCode, response.Header, text, err)
	}
	return body.Error
}

func (w *world) ask(t *testing.T, method, path string, h http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+w.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, h)
	response, err := w.client.Transport.RoundTrip(r) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

func verifierOf(t *testing.T) *auth.Verifier {
	t.Helper()
	return verifier(t, auth.Options{Secret: secret})
}

// safeBuffer is a log that handlers write and the test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
