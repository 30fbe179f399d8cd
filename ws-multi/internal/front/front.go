package front

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// Options of the handler. All functions are called from many goroutines at once and
// should not block; all fields but Verifier and TrustedProxies have to be set.
type Options struct {
	// Refusing is true as soon as a draining server takes no more clients, NotReady
	// nil while it can serve them: its text is told to the refused.
	Refusing func() bool
	NotReady func() error
	Health   func() Health

	Guard          *guard.Guard
	Origins        *auth.Origins
	Verifier       *auth.Verifier // nil: no token is needed
	TrustedProxies []netip.Prefix
	Upgrader       *socket.Upgrader

	// Take hands an admitted connection to its shard. From then on descriptor and
	// place are the taker's, who closes the one and releases the other, also when it
	// can do nothing else with them.
	Take func(Arrival)

	Log *slog.Logger
}

// An Arrival is an upgraded connection that nothing was sent to yet.
type Arrival struct {
	FD       socket.FD
	Identity *auth.Identity // auth.Anybody on a server without tokens
	Place    *guard.Slot
	ID       ulid.ULID // in welcome and in the log
}

// A Handler serves the public listener. Any goroutine may call its methods.
type Handler struct {
	o       Options
	refused *refusals
}

// New returns the handler. It starts no goroutine.
func New(o Options) *Handler {
	return &Handler{o: o, refused: newRefusals(o.Log)}
}

// Rejected is how many connections were refused since the start, by reason: each
// of metric.Rejects is there.
func (h *Handler) Rejected() map[string]uint64 { return h.refused.counts() }

// bodyTime is enough for a body that is on its way: closed before it has come, a
// client might not see its answer.
const bodyTime = 100 * time.Millisecond

// ServeHTTP answers one request. Paths are taken to the letter: http.ServeMux would
// redirect such as //ws, and there is nothing to be redirected to.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Nothing here has use for a body. net/http reads it to its end all the same,
		// and who announces one and does not send it would keep its place so long.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	}
	switch r.URL.Path {
	case "/ws":
		if !websocket.IsWebSocketUpgrade(r) {
			// Both headers have to be there: RFC 9110, sections 15.5.22 and 7.8.
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
			fail(w, http.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket: connect to it with ws:// or wss://")
			return
		}
		if allowed(w, r, http.MethodGet) {
			h.handshake(w, r)
		}
	case "/health":
		if allowed(w, r, http.MethodGet, http.MethodHead) {
			h.health(w)
		}
	default:
		fail(w, http.StatusNotFound, "not_found", "there is GET /ws, a WebSocket, and GET /health")
	}
}

func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	list := strings.Join(methods, ", ")
	w.Header().Set("Allow", list)
	fail(w, http.StatusMethodNotAllowed, "method_not_allowed", "this is for "+list)
	return false
}

// fail answers with what the same request will get again, in the form that the
// guard's refusals have.
func fail(w http.ResponseWriter, status int, code, message string) {
	type details struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		Temporary bool   `json:"temporary"`
	}
	respond(w, status, map[string]details{"error": {Code: code, Message: message}})
}

func respond(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		// Such as a percentage that is no number.
		fail(w, http.StatusInternalServerError, "internal", "the answer cannot be encoded: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // nobody is left to tell when it fails
}
