package front

import (
	"errors"
	"net/http"

	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// handshake lets a client in or refuses it; either way the request is answered, and
// what that costs is the guard's to know: counted as load, the refused would keep the
// state alive for which they are refused.
func (h *Handler) handshake(w http.ResponseWriter, r *http.Request) {
	cost := guard.RefusalCost
	defer func() { h.o.Guard.AddHandshake(cost) }()
	if h.o.Refusing() {
		h.refuse(w, guard.Refuse(metric.RejectDraining, ""))
		return
	}
	if err := h.o.NotReady(); err != nil {
		h.refuse(w, guard.Refuse(metric.RejectNotReady, "the server is not ready: "+err.Error()))
		return
	}
	place, full := h.o.Guard.Admit(auth.ClientAddr(r, h.o.TrustedProxies))
	if full != nil {
		h.refuse(w, *full)
		return
	}
	taken := false
	defer func() {
		if !taken {
			place.Release()
		}
	}()

	identity, doubt, no := h.judge(r)
	if no != nil {
		h.refuse(w, *no)
		return
	}
	cost = guard.HandshakeCost
	fd, err := h.o.Upgrader.Upgrade(w, r)
	if err != nil {
		// A request that is no good handshake, or a client that is gone.
		h.o.Log.Debug("handshake failed", "error", err)
		return
	}
	// The place is held while Refuse waits for the client: until then its descriptor
	// is in use.
	switch {
	case doubt != nil:
		h.refused.add(metric.RejectToken, doubt.Error())
		fd.Refuse(wire.CloseUnauthorized, wire.CloseReason(doubt.Error()))
	case h.o.Verifier != nil && !place.SetSubject(identity.Subject):
		h.refused.add(metric.RejectSubjectConnections, wire.CloseConnectionLimit.Reason())
		fd.Refuse(wire.CloseConnectionLimit, wire.CloseConnectionLimit.Reason())
	default:
		a := Arrival{FD: fd, Identity: identity, Place: place, ID: ulid.Make()}
		h.o.Log.Debug("connection admitted", "conn", a.ID, "subject", identity.Subject)
		taken = true
		h.o.Take(a)
	}
}

// judge says who a client is, or why it is refused before the upgrade (no), or after
// it (doubt, about its token).
func (h *Handler) judge(r *http.Request) (identity *auth.Identity, doubt error, no *guard.Refusal) {
	// With tokens, no connection stays without a verified one: so it may make up for a
	// missing Origin before it is looked at.
	if err := h.o.Origins.Check(r, h.o.Verifier != nil); err != nil {
		refusal := guard.Refuse(metric.RejectOrigin, err.Error())
		return nil, nil, &refusal
	}
	if h.o.Verifier == nil {
		return auth.Anybody, nil, nil
	}
	verified, err := h.o.Verifier.Verify(r.Context(), auth.Bearer(r))
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		refusal := guard.Refuse(metric.RejectNotReady, err.Error())
		return nil, nil, &refusal
	case err != nil:
		return nil, err, nil
	}
	return &verified, nil, nil
}

// refuse answers the request with a refusal, counted and reported.
func (h *Handler) refuse(w http.ResponseWriter, r guard.Refusal) {
	h.refused.add(r.Reason, r.Message)
	r.Write(w)
}
