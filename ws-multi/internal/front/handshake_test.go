package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestArrival(t *testing.T) {
	w := open(t, guard.Limits{Connections: 10}, func(o *Options) { o.Verifier = verifierOf(t) })
	w.welcomed(t, bearer(tokenOf(t, "ann", time.Hour)))
	w.welcomed(t, bearer(tokenOf(t, "bob", time.Hour)))
	got := w.taken()
	if len(got) != 2 || got[0].FD == got[1].FD || got[0].ID == got[1].ID || got[0].ID == (ulid.ULID{}) || got[0].Place == nil || got[0].Place == got[1].Place {
		t.Fatalf("%+v", got)
	}
	if a, b := got[0].Identity, got[1].Identity; a.Subject != "ann" || b.Subject != "bob" || time.Until(a.Expires) > time.Hour {
		t.Errorf("%+v, %+v", a, b)
	}
	if n := w.o.Guard.Open(); n != 2 {
		t.Errorf("%d places are taken", n)
	}

	free := open(t, guard.Limits{}, nil)
	free.welcomed(t, nil)
	if a := free.taken()[0]; a.Identity != auth.Anybody {
		t.Errorf("%+v", a.Identity)
	}
}

// What is refused first is the answer, whatever else is wrong, and costs nothing of
// what comes after.
func TestOrderOfRefusals(t *testing.T) {
	draining, notReady := true, true
	var looked atomic.Int64
	w := open(t, guard.Limits{Connections: 1}, func(o *Options) {
		o.Refusing = func() bool { return draining }
		o.NotReady = func() error {
			looked.Add(1)
			if notReady {
				return errors.New("no broker answers")
			}
			return nil
		}
		o.Origins = origins(t, false, "https://app.test")
		o.Verifier = verifierOf(t)
	})
	good := bearer(tokenOf(t, "ann", time.Hour))
	bad := bearer("bad")
	bad.Set("Origin", "https://evil.test")

	w.refusal(t, bad, http.StatusServiceUnavailable, metric.RejectDraining)
	if looked.Load() != 0 {
		t.Error("a draining server asked on")
	}
	draining = false
	if m := w.refusal(t, bad, http.StatusServiceUnavailable, metric.RejectNotReady); !strings.Contains(m, "no broker answers") {
		t.Error(m)
	}
	notReady = false
	if n := w.o.Guard.Open(); n != 0 {
		t.Fatalf("%d places are taken", n)
	}
	first := w.welcomed(t, good)
	w.refusal(t, bad, http.StatusServiceUnavailable, metric.RejectConnections)
	_ = first.Close()
	for _, a := range w.taken() {
		a.Place.Release()
	}
	w.refusal(t, bad, http.StatusForbidden, metric.RejectOrigin)
	bad.Set("Origin", "https://app.test")
	w.closed(t, bad, wire.CloseUnauthorized)

	eventually(t, "the place to be given back", func() bool { return w.o.Guard.Open() == 0 })
	want := map[string]uint64{
		metric.RejectDraining: 1, metric.RejectNotReady: 1, metric.RejectConnections: 1, metric.RejectOrigin: 1, metric.RejectToken: 1,
	}
	got := w.Rejected()
	for _, reason := range metric.Rejects() {
		n, there := got[reason]
		if !there || n != want[reason] {
			t.Errorf("%s: %d (%v), want %d", reason, n, there, want[reason])
		}
	}
}

func TestOriginsAtTheDoor(t *testing.T) {
	from := func(origin string) http.Header { return http.Header{"Origin": {origin}} }
	same := open(t, guard.Limits{}, func(o *Options) { o.Origins = origins(t, false) })
	same.welcomed(t, from("http://"+same.addr))
	if m := same.refusal(t, from("https://evil.test"), http.StatusForbidden, metric.RejectOrigin); !strings.Contains(m, "WS_ALLOWED_ORIGINS") {
		t.Error(m)
	}
	if m := same.refusal(t, nil, http.StatusForbidden, metric.RejectOrigin); !strings.Contains(m, "WS_ALLOW_NO_ORIGIN") {
		t.Error(m)
	}
	listed := open(t, guard.Limits{}, func(o *Options) { o.Origins = origins(t, true, "https://app.test") })
	listed.welcomed(t, from("https://app.test"))
	listed.welcomed(t, nil)
	listed.refusal(t, from("http://"+listed.addr), http.StatusForbidden, metric.RejectOrigin)
	if n := listed.o.Guard.Open(); n != 2 {
		t.Errorf("%d places are taken, want 2", n)
	}
}

func TestTokensAtTheDoor(t *testing.T) {
	w := open(t, guard.Limits{}, func(o *Options) {
		o.Verifier = verifierOf(t)
		o.Origins = origins(t, false)
	})
	good := tokenOf(t, "ann", time.Hour)
	here := func() http.Header { return http.Header{"Origin": {"http://" + w.addr}} }

	w.welcomed(t, bearer(good)) // it makes up for the missing Origin
	browser := w.welcomed(t, here(), "ws.v1", "bearer."+good)
	if p := browser.Subprotocol(); p != "ws.v1" {
		t.Errorf("subprotocol %q was selected", p)
	}
	elsewhere := bearer(good)
	elsewhere.Set("Origin", "https://evil.test")
	w.refusal(t, elsewhere, http.StatusForbidden, metric.RejectOrigin)

	for name, h := range map[string]http.Header{
		"none": here(), "none and no origin": nil, "nonsense": bearer("nonsense"), "expired": bearer(tokenOf(t, "ann", -time.Minute)),
		"another's": bearer(good[:len(good)-4] + "AAAA"), "two": {"Authorization": {"Bearer " + good, "Bearer " + good}},
	} {
		t.Run(name, func(t *testing.T) {
			if says := w.closed(t, h, wire.CloseUnauthorized); !strings.HasPrefix(says, "token invalid: ") {
				t.Error(says)
			}
		})
	}
	// A token where it does not count, in a subprotocol without ws.v1.
	w.closed(t, here(), wire.CloseUnauthorized, "bearer."+good)
	if n := w.Rejected()[metric.RejectToken]; n != 7 {
		t.Errorf("%d tokens were refused, want 7", n)
	}
}

func TestSubjectLimit(t *testing.T) {
	w := open(t, guard.Limits{ConnectionsPerSub: 1}, func(o *Options) { o.Verifier = verifierOf(t) })
	w.welcomed(t, bearer(tokenOf(t, "ann", time.Hour)))
	if says := w.closed(t, bearer(tokenOf(t, "ann", time.Hour)), wire.CloseConnectionLimit); says == "" {
		t.Error("no reason is given")
	}
	w.welcomed(t, bearer(tokenOf(t, "bob", time.Hour)))
	if n := w.Rejected()[metric.RejectSubjectConnections]; n != 1 || len(w.taken()) != 2 {
		t.Errorf("%d refused, %d taken", n, len(w.taken()))
	}
}

// Without its keys the server cannot tell good tokens from bad, and says so in the
// way that makes clients keep them.
func TestKeysNotAtHand(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	w := open(t, guard.Limits{Connections: 1}, func(o *Options) {
		o.Verifier = verifier(t, auth.Options{JWKSURL: down.URL, Log: slog.New(slog.DiscardHandler)})
	})
	eventually(t, "the fetch to fail", func() bool { return !strings.Contains(w.o.Verifier.Ready().Error(), "not ended") })
	// A token of any key; its signature is not even looked at.
	text := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"sub": "ann"})
	signing, err := text.SigningString()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the one place is given back each time
		w.refusal(t, bearer(signing+"."+strings.Repeat("A", 86)), http.StatusServiceUnavailable, metric.RejectNotReady)
	}
	w.closed(t, bearer("nonsense"), wire.CloseUnauthorized)
}

func TestLimitsCountTheClientBehindItsProxy(t *testing.T) {
	via := func(client string) http.Header { return http.Header{"X-Forwarded-For": {client}} }
	for _, trusted := range [][]netip.Prefix{nil, {netip.MustParsePrefix("127.0.0.0/8")}} {
		w := open(t, guard.Limits{ConnectionsPerAddr: 1}, func(o *Options) { o.TrustedProxies = trusted })
		w.welcomed(t, via("203.0.113.1"))
		w.refusal(t, via("203.0.113.1"), http.StatusTooManyRequests, metric.RejectAddrConnections)
		if trusted == nil {
			w.refusal(t, via("203.0.113.2"), http.StatusTooManyRequests, metric.RejectAddrConnections)
		} else {
			w.welcomed(t, via("203.0.113.2"))
		}
	}
}

// A handshake that fails by itself is no refusal, and keeps no place.
func TestBadHandshakes(t *testing.T) {
	w := open(t, guard.Limits{Connections: 1}, nil)
	for name, change := range map[string][2]string{
		"no key": {"Sec-Websocket-Key", ""}, "a bad key": {"Sec-Websocket-Key", "x"}, "an old version": {"Sec-Websocket-Version", "8"},
	} {
		h := http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
		h.Set(change[0], change[1])
		if response := w.ask(t, http.MethodGet, "/ws", h); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
	for reason, n := range w.Rejected() {
		if n != 0 {
			t.Errorf("%d refused for %s", n, reason)
		}
	}
	w.welcomed(t, nil)
}

// What is refused is no load: else the refusals of a wave, which cost nearly what
// serving it does, would keep up the state for which they are made.
func TestRefusalsAreNoLoad(t *testing.T) {
	var spent atomic.Int64
	g, err := guard.New(guard.Options{
		Cores: 1, Limits: guard.Limits{Connections: 1}, CPUTime: func() time.Duration { return time.Duration(spent.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	var sampling sync.WaitGroup
	sampling.Go(func() { _ = g.Run(ctx) })
	defer sampling.Wait()
	defer end()
	sampled := func(after time.Time) guard.Snapshot {
		eventually(t, "a sample", func() bool { return g.Snapshot().At.After(after) })
		return g.Snapshot()
	}

	notReady := error(nil)
	h := New(Options{
		Refusing: func() bool { return false }, NotReady: func() error { return notReady },
		Guard: g, Log: slog.New(slog.DiscardHandler),
	})
	place, _ := g.Admit(netip.Addr{})
	defer place.Release()
	sampled(time.Now())
	for i := range 2000 {
		if i == 1000 {
			notReady = errors.New("no broker answers")
		}
		spent.Add(int64(guard.RefusalCost))
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Fatalf("got %d", w.Code)
		}
	}
	if s := sampled(time.Now()); s.CPULoad != 0 {
		t.Errorf("refusals are a load of %.1f%%", 100*s.CPULoad)
	}
	if n := h.Rejected(); n[metric.RejectConnections] != 1000 || n[metric.RejectNotReady] != 1000 {
		t.Errorf("refused: %v", n)
	}
}

// A panic on the way loses no place for ever.
func TestPlaceIsGivenBackAfterPanic(t *testing.T) {
	w := open(t, guard.Limits{Connections: 1}, nil)
	broken := *w.Handler
	broken.o.Upgrader = nil
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
		broken.ServeHTTP(httptest.NewRecorder(), r)
	}()
	if n := w.o.Guard.Open(); n != 0 {
		t.Errorf("%d places are taken", n)
	}
	w.welcomed(t, nil)
}

// Many at once, of all kinds: each is let in or refused once, and counted.
func TestCrowd(t *testing.T) {
	w := open(t, guard.Limits{ConnectionsPerSub: 2}, func(o *Options) {
		o.Verifier = verifierOf(t)
		o.Origins = origins(t, false)
	})
	const each = 15
	var crowd sync.WaitGroup
	var in, full atomic.Int64
	for i := range each {
		crowd.Go(func() { w.welcomed(t, bearer(tokenOf(t, fmt.Sprint("own", i), time.Hour))); in.Add(1) })
		crowd.Go(func() { w.closed(t, bearer("bad"), wire.CloseUnauthorized) })
		crowd.Go(func() {
			w.refusal(t, http.Header{"Origin": {"https://evil.test"}}, http.StatusForbidden, metric.RejectOrigin)
		})
		crowd.Go(func() {
			ws, _ := w.dial(t, bearer(tokenOf(t, "shared", time.Hour)))
			if ws == nil {
				t.Error("refused before the upgrade")
				return
			}
			if _, _, err := ws.ReadMessage(); err == nil {
				in.Add(1)
			} else {
				full.Add(1)
			}
		})
		crowd.Go(func() {
			_ = w.Rejected()
			if r := w.ask(t, http.MethodGet, "/health", nil); r.StatusCode != http.StatusOK {
				t.Error(r.StatusCode)
			}
		})
	}
	crowd.Wait()
	got := w.Rejected()
	if in.Load() != each+2 || len(w.taken()) != each+2 || full.Load() != each-2 ||
		got[metric.RejectToken] != each || got[metric.RejectOrigin] != each || got[metric.RejectSubjectConnections] != each-2 {
		t.Errorf("%d in, %d taken, %d full, refused %v", in.Load(), len(w.taken()), full.Load(), got)
	}
	eventually(t, "the refused to give their places back", func() bool { return w.o.Guard.Open() == each+2 })
}

// The subprotocol that carries a token counts beside the one that the server selects.
func TestOneNameOfTheSubprotocol(t *testing.T) {
	r := &http.Request{Header: http.Header{"Sec-Websocket-Protocol": {socket.Subprotocol + ", bearer.x"}}}
	if auth.Bearer(r) != "x" {
		t.Error("auth and socket call it differently")
	}
}
