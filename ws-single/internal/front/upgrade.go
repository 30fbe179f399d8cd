package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/loop"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// Options of the public listener's handler.
type Options struct {
	State          State
	Guard          *guard.Guard
	Origins        *auth.Origins
	Verifier       *auth.Verifier // nil: no token is needed
	TrustedProxies []netip.Prefix
	Upgrader       *socket.Upgrader
	Loop           *loop.Loop
	Health         func() Health
	Log            *slog.Logger
}

// Handler serves the public listener.
type Handler struct {
	o        Options
	mux      *http.ServeMux
	rejected map[string]*atomic.Uint64 // by reason; the keys are fixed

	mu         sync.Mutex // of what follows
	unreported int        // refusals since the last line in the log
	reported   time.Time  // when that was
}

// New returns the handler.
func New(o Options) *Handler {
	h := &Handler{o: o, mux: http.NewServeMux(), rejected: make(map[string]*atomic.Uint64)}
	for _, reason := range metric.Rejects() {
		h.rejected[reason] = new(atomic.Uint64)
	}
	h.mux.HandleFunc("GET /ws", h.upgrade)
	h.mux.HandleFunc("GET /health", h.health)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, "not_found", "here are /ws and /health", false)
	})
	return h
}

// bodyGrace is for a body that comes together with its request.
const bodyGrace = 100 * time.Millisecond

// ServeHTTP serves one request. A body is of no use here, but net/http would wait for
// it before it closes the connection, and that would be half open all the time.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyGrace))
	}
	h.mux.ServeHTTP(w, r)
}

// Rejected counts the connections refused since the start, by reason. Any
// goroutine.
func (h *Handler) Rejected() map[string]uint64 {
	counts := make(map[string]uint64, len(h.rejected))
	for reason, n := range h.rejected {
		counts[reason] = n.Load()
	}
	return counts
}

func (h *Handler) count(reason string) { h.rejected[reason].Add(1) }

func (h *Handler) refuse(w http.ResponseWriter, r guard.Refusal) {
	h.count(r.Reason)
	h.report(r)
	r.Write(w)
}

// reportInterval is how often refusals are logged: a line for each would be a
// line for each handshake of a storm.
const reportInterval = 10 * time.Second

// report logs the first refusal, and then the newest of each interval with how
// many there were in it.
func (h *Handler) report(r guard.Refusal) {
	h.mu.Lock()
	h.unreported++
	n := h.unreported
	due := time.Since(h.reported) >= reportInterval
	if due {
		h.unreported, h.reported = 0, time.Now()
	}
	h.mu.Unlock()
	if due {
		h.o.Log.Warn("connections refused", "times", n, "reason", r.Reason, "latest", r.Message)
	}
}

// upgrade lets a client in, or says why not.
func (h *Handler) upgrade(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		answer(w, http.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket endpoint: connect with ws:// or wss://", false)
		return
	}
	// Refusals are no load either: else what refuses a wave would keep itself up.
	spent := guard.RefusedCost
	defer func() { h.o.Guard.AddHandshake(spent) }()
	if h.o.State.Refusing() {
		h.refuse(w, guard.Refuse(metric.RejectDraining, ""))
		return
	}
	if err := h.o.State.NotReady(); err != nil {
		h.refuse(w, guard.Refuse(metric.RejectNotReady, "the server is not ready: "+err.Error()))
		return
	}
	place, refusal := h.o.Guard.Admit(h.clientAddr(r))
	if refusal != nil {
		h.refuse(w, *refusal)
		return
	}
	spent = guard.HandshakeCost
	if !h.admitted(w, r, place) {
		place.Release()
	}
}

// admitted goes on with a client that has a place. It reports whether the loop
// has taken the connection, and the place with it.
func (h *Handler) admitted(w http.ResponseWriter, r *http.Request, place *guard.Slot) bool {
	_, named := r.Header["Origin"] // an empty one is one, and not allowed
	if named && !h.fromAllowed(w, r, false) {
		return false
	}
	identity, tokenErr := h.identify(r)
	if errors.Is(tokenErr, auth.ErrUnavailable) {
		h.refuse(w, guard.Refuse(metric.RejectNotReady, "the server cannot check tokens now"))
		return false
	}
	verified := h.o.Verifier != nil && tokenErr == nil
	if !named && tokenErr == nil && !h.fromAllowed(w, r, verified) {
		return false
	}
	sock, err := h.o.Upgrader.Upgrade(w, r)
	if err != nil {
		h.o.Log.Debug("handshake failed", "error", err)
		return false
	}
	if tokenErr != nil {
		h.count(metric.RejectToken)
		sock.Refuse(wire.CloseUnauthorized, tokenErr.Error())
		return false
	}
	if !place.SetSubject(identity.Subject) {
		h.count(metric.RejectSubjectConnections)
		sock.Refuse(wire.CloseConnectionLimit, wire.CloseConnectionLimit.Reason())
		return false
	}
	id := ulid.Make()
	h.o.Log.Debug("connection opened", "conn", id, "subject", identity.Subject)
	h.o.Loop.Open(&loop.Newcomer{Sock: sock, Identity: identity, Place: place, ID: id})
	return true
}

func (h *Handler) fromAllowed(w http.ResponseWriter, r *http.Request, verified bool) bool {
	if err := h.o.Origins.Check(r, verified); err != nil {
		h.refuse(w, guard.Refuse(metric.RejectOrigin, err.Error()))
		return false
	}
	return true
}

// verifyTimeout bounds how long a handshake waits for a key server.
const verifyTimeout = 3 * time.Second

// anybody is who connects where no token is needed: everybody may have everything.
var anybody = &auth.Identity{AllChannels: true}

// identify says who connects.
func (h *Handler) identify(r *http.Request) (*auth.Identity, error) {
	if h.o.Verifier == nil {
		return anybody, nil
	}
	token, _ := auth.Bearer(r)
	ctx, cancel := context.WithTimeout(r.Context(), verifyTimeout)
	defer cancel()
	id, err := h.o.Verifier.Verify(ctx, token)
	return &id, err
}

// clientAddr is the client's own address, as far as trusted proxies tell it.
func (h *Handler) clientAddr(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	remote, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return auth.ClientAddr(remote, r.Header, h.o.TrustedProxies)
}
