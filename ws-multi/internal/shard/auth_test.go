package shard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// issuer knows some tokens, some of them only after two seconds.
type issuer struct {
	known map[string]auth.Identity
	slow  map[string]auth.Identity
	down  bool
}

func (i *issuer) Try(token string) (auth.Identity, error) {
	if id, ok := i.known[token]; ok {
		return id, nil
	}
	if _, ok := i.slow[token]; ok || i.down {
		return auth.Identity{}, auth.ErrWouldWait
	}
	return auth.Identity{}, auth.ErrInvalid
}

func (i *issuer) Verify(ctx context.Context, token string) (auth.Identity, error) {
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return auth.Identity{}, errors.Join(auth.ErrUnavailable, ctx.Err())
	}
	if i.down {
		return auth.Identity{}, auth.ErrUnavailable
	}
	return i.slow[token], nil
}

// withTokens is a test of a client whose token is good for a minute, in a bubble.
func withTokens(t *testing.T, test func(t *testing.T, w *stepped, m *mate, i *issuer)) {
	synctest.Test(t, func(t *testing.T) {
		hour := time.Now().Add(time.Hour)
		trades := []wire.Pattern{{Symbol: "*", Event: "trade"}}
		known := map[string]auth.Identity{
			"good":    auth.NewIdentity("me", hour),
			"other":   auth.NewIdentity("you", hour),
			"trades":  auth.NewIdentity("me", hour).Limited(trades),
			"nothing": auth.NewIdentity("me", hour).Limited(nil),
		}
		i := &issuer{known: known, slow: map[string]auth.Identity{}}
		for name, id := range known {
			i.slow["slow "+name] = id
		}
		o := testOptions()
		o.Tokens, o.PingInterval = i, 0
		w := newStepped(t, o, history.Options{})
		who := auth.NewIdentity("me", time.Now().Add(time.Minute))
		m := w.joinAs(&who, 0)
		test(t, w, m, i)
	})
}

func TestAuth(t *testing.T) {
	for _, c := range []struct {
		name, token, code string
		down              bool
	}{
		{name: "a fresh token", token: "good"},
		{name: "a narrower one that covers all", token: "trades"},
		{name: "another subject", token: "other", code: "UNAUTHORIZED"},
		{name: "an invalid one", token: "bad", code: "UNAUTHORIZED"},
		{name: "one that covers nothing", token: "nothing", code: "FORBIDDEN"},
		{name: "keys that cannot be had", token: "bad", code: "UNAVAILABLE", down: true},
	} {
		for _, slow := range []bool{false, true} {
			token, name := c.token, c.name
			if slow && c.token != "bad" {
				token, name = "slow "+c.token, "asked for: "+c.name
			}
			t.Run(name, func(t *testing.T) {
				withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
					i.down = c.down
					m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
					m.expect("subscription_ack")
					// The commands behind it are answered behind it, whatever piece
					// of them comes with it.
					b := saying(nil, `{"type":"auth","id":1,"data":{"token":%q}}`, token)
					b = saying(b, `{"type":"subscribe","id":2,"data":{"channels":["A.book"]}}`)
					b = saying(b, `{"type":"heartbeat","id":3}`)
					m.raw(b[:len(b)-9])
					w.elapse(time.Second)
					m.raw(b[len(b)-9:])
					w.elapse(1200 * time.Millisecond)
					if c.code != "" {
						if f := m.refused(c.code); f.ID != 1 {
							t.Errorf("heard %s", f.payload)
						}
					} else if f := m.expect("auth_ack"); f.ID != 1 || f.Expires == 0 {
						t.Errorf("heard %s", f.payload)
					}
					if c.token == "trades" {
						m.refused("FORBIDDEN")
					} else if f := m.expect("subscription_ack"); f.ID != 2 {
						t.Errorf("heard %s", f.payload)
					}
					if f := m.expect("pong"); f.ID != 3 {
						t.Errorf("heard %s", f.payload)
					}
					w.elapse(time.Minute)
					if c.code != "" {
						m.closes(4501, true)
					} else {
						m.say(`{"type":"heartbeat","id":4}`)
						m.expect("pong")
					}
				})
			})
		}
	}
}

func TestAuthWithoutTokens(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	m := w.join(0)
	m.say(`{"type":"auth","data":{"token":"x"}}`)
	m.refused("BAD_REQUEST")
}

func TestATokenEnds(t *testing.T) {
	withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
		w.elapse(59 * time.Second)
		w.elapse(900 * time.Millisecond)
		m.quiet()
		w.elapse(300 * time.Millisecond)
		m.closes(4501, true)
	})
}

func TestManyAuthsInARow(t *testing.T) {
	withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
		var b []byte
		for id := 1; id <= 8; id += 2 {
			b = saying(b, `{"type":"auth","id":%d,"data":{"token":"slow good"}}`, id)
			b = saying(b, `{"type":"subscribe","id":%d,"data":{"channels":["A%d.trade"]}}`, id+1, id)
		}
		m.raw(b)
		for id := 1; id <= 8; id += 2 {
			m.quiet()
			w.elapse(2100 * time.Millisecond)
			if f := m.expect("auth_ack"); f.ID != id {
				t.Errorf("heard %s", f.payload)
			}
			if f := m.expect("subscription_ack"); f.ID != id+1 {
				t.Errorf("heard %s", f.payload)
			}
		}
	})
}

func TestMessagesComeWhileATokenIsChecked(t *testing.T) {
	withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
		m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
		m.expect("subscription_ack")
		m.say(`{"type":"auth","data":{"token":"slow good"}}`)
		w.record("A", 0, 0, "1")
		m.expect("message")
		w.elapse(2100 * time.Millisecond)
		m.expect("auth_ack")
	})
}

func TestTheClientGoesWhileItsTokenIsChecked(t *testing.T) {
	for name, go_ := range map[string]func(m *mate){
		"hangs up": func(m *mate) { m.hangUp() },
		"closes": func(m *mate) {
			m.raw(masked(nil, 8, []byte{3, 232}))
			m.hangUp()
		},
	} {
		t.Run(name, func(t *testing.T) {
			withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
				m.say(`{"type":"auth","data":{"token":"slow good"}}`)
				go_(m)
				w.elapse(time.Second)
				other := w.join(0)
				w.elapse(1200 * time.Millisecond)
				w.released(1)
				other.quiet()
			})
		})
	}
}

func TestTheShardEndsWhileATokenIsChecked(t *testing.T) {
	withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
		m.say(`{"type":"auth","data":{"token":"slow good"}}`)
	}) // its cleanup waits for the check, and the bubble for every goroutine
}

func TestTheTokenEndsWhileItsSuccessorIsChecked(t *testing.T) {
	withTokens(t, func(t *testing.T, w *stepped, m *mate, i *issuer) {
		w.elapse(59 * time.Second)
		m.raw(saying(saying(nil, `{"type":"auth","data":{"token":"slow good"}}`), `{"type":"heartbeat"}`))
		w.elapse(1200 * time.Millisecond)
		m.closes(4501, true)
		w.elapse(time.Second)
		m.hangUp()
		w.released(0)
	})
}
