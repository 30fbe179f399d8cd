package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// refused tries to connect, which must be refused with the status and code in the form of P2.2, and counted by that code; it
// returns the body.
func refused(t *T, s *stage.Server, o check.Options, status int, code string) string {
	r := stage.Refusal(t, s, o)
	isRefusal(t, r, status, code)
	stage.Eventually(t, "the refusal to be counted as "+code, func() bool {
		return s.Metric(t, "ws_connections_rejected_total", "reason", code) >= 1
	})
	return string(r.Body)
}

// isRefusal checks the form of a refusal.
func isRefusal(t *T, r *check.Refusal, status int, code string) {
	if r.StatusCode != status {
		t.Errorf("refused with %v, want %d", r, status)
	}
	if after, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("%v has Retry-After %q, want whole seconds", r, r.Header.Get("Retry-After"))
	}
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		t.Errorf("%v has the Content-Type %q", r, kind)
	}
	var body struct {
		Error struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			Temporary *bool  `json:"temporary"`
		} `json:"error"`
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		t.Errorf("the body of %v is not of the form: %v", r, err)
		return
	}
	if e := body.Error; e.Code != code || e.Message == "" || e.Temporary == nil || !*e.Temporary {
		t.Errorf("refused with %v, want code %s, a message, and temporary", r, code)
	}
}

// from is a client at another address of this machine.
func from(last byte) check.Options { return check.Options{LocalIP: net.IP{127, 0, 0, last}} }

// admitted tries to connect until it is let in.
func admitted(t *T, s *stage.Server, o check.Options) {
	stage.Eventually(t, "a client to be let in", func() bool {
		client, err := check.Dial(stage.Within(t), s.URL(), o)
		if err != nil {
			return false
		}
		defer client.Close()
		f, err := client.Next(stage.Within(t))
		return err == nil && f.Type == "welcome"
	})
}

var refusalCases = []Case{{
	ID: "P2.2a", Says: "403 with Retry-After and a JSON body where the origin is not allowed", Run: func(t *T) {
		refused(t, t.ServerWith(originsListed), check.Options{Header: stage.Origin("https://evil.example")}, http.StatusForbidden, "origin")
	},
}, {
	ID: "P2.2b", Says: "429 where the address holds too many connections, and another address is served", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MAX_CONNECTIONS_PER_ADDR": "2"})
		first, second := stage.Dial(t, s), stage.Dial(t, s)
		refused(t, s, check.Options{}, http.StatusTooManyRequests, "addr_connections")
		stage.DialWith(t, s, from(9)).Heartbeat()
		first.Heartbeat()
		second.Close()
		admitted(t, s, check.Options{}) // the place is free again
	},
}, {
	ID: "P2.2c", Says: "429 where the address opens too many connections, and another address is served", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_HANDSHAKES_PER_S_PER_ADDR": "1"})
		opened := 0
		for ; opened < 100; opened++ {
			client, err := check.Dial(stage.Within(t), s.URL(), check.Options{})
			if err != nil {
				break
			}
			client.Abort()
		}
		if opened == 0 || opened == 100 {
			t.Fatalf("%d connections at once were let in, one a second is allowed", opened)
		}
		refused(t, s, check.Options{}, http.StatusTooManyRequests, "addr_rate")
		stage.DialWith(t, s, from(9)).Heartbeat()
		admitted(t, s, check.Options{}) // a second later
	},
}, {
	ID: "P2.2d", Says: "the address is the connection's own: headers that claim another do not get around a limit", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MAX_CONNECTIONS_PER_ADDR": "1"})
		claim := func(lines ...string) check.Options {
			h := http.Header{}
			for i := 0; i < len(lines); i += 2 {
				h.Add(lines[i], lines[i+1])
			}
			return check.Options{Header: h}
		}
		first := stage.DialWith(t, s, claim("X-Forwarded-For", "10.1.1.1"))
		for _, forged := range []check.Options{
			claim("X-Forwarded-For", "10.1.1.2"),
			claim("X-Forwarded-For", "10.1.1.3, 10.1.1.4"),
			claim("X-Forwarded-For", "10.1.1.3", "X-Forwarded-For", "10.1.1.5"),
			claim("X-Forwarded-For", "[2001:db8::7]:4711"),
			claim("Forwarded", "for=10.1.1.6"),
			claim("X-Real-Ip", "10.1.1.7"),
			claim("True-Client-Ip", "10.1.1.8", "Cf-Connecting-Ip", "10.1.1.8"),
			{},
		} {
			isRefusal(t, stage.Refusal(t, s, forged), http.StatusTooManyRequests, "addr_connections")
		}
		first.Heartbeat()
	},
}, {
	ID: "P2.2e", Says: "a trusted proxy's X-Forwarded-For tells the address, as far as trusted proxies wrote it", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{
			"WS_MAX_CONNECTIONS_PER_ADDR": "1", "WS_TRUSTED_PROXIES": "127.0.0.1/32,10.9.0.0/16",
		})
		via := func(local byte, list ...string) check.Options {
			o := from(local)
			o.Header = http.Header{"X-Forwarded-For": list}
			return o
		}
		a := stage.DialWith(t, s, via(1, "192.0.2.1"))
		b := stage.DialWith(t, s, via(1, "192.0.2.2, 10.9.8.7")) // through a second proxy
		for name, o := range map[string]check.Options{
			"the same address":                 via(1, "192.0.2.1"),
			"with a port":                      via(1, "192.0.2.1:4711"),
			"behind what the client wrote":     via(1, "198.51.100.7, 192.0.2.1"),
			"in a second header":               via(1, "198.51.100.8", "192.0.2.1"),
			"behind a claim to be a proxy":     via(1, "198.51.100.9, 10.9.1.1, 192.0.2.1, 10.9.1.2"),
			"the second, through one proxy":    via(1, "192.0.2.2"),
			"an IPv4 address in IPv6 clothing": via(1, "::ffff:192.0.2.2"),
		} {
			r := stage.Refusal(t, s, o)
			if r.StatusCode != http.StatusTooManyRequests {
				t.Errorf("%s: got %v, want 429", name, r)
			}
		}
		// A peer that is no trusted proxy claims in vain.
		c := stage.DialWith(t, s, via(9, "203.0.113.1"))
		isRefusal(t, stage.Refusal(t, s, via(9, "203.0.113.2")), http.StatusTooManyRequests, "addr_connections")
		d := stage.DialWith(t, s, via(1, "203.0.113.1")) // which therefore is not counted there
		for _, served := range []*stage.Conn{a, b, c, d} {
			served.Heartbeat()
		}
	},
}, {
	ID: "P2.2f", Says: "a PROXY protocol header is a bad request, and no way around a limit", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MAX_CONNECTIONS_PER_ADDR": "1", "WS_TRUSTED_PROXIES": "127.0.0.0/8"})
		first := stage.Dial(t, s)
		host, port, _ := net.SplitHostPort(s.Addr)
		for name, header := range map[string]string{
			"version 1":       fmt.Sprintf("PROXY TCP4 192.0.2.1 %s 4711 %s\r\n", host, port),
			"version 1, IPv6": "PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n",
			"unknown":         "PROXY UNKNOWN\r\n",
			"version 2":       "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\x7f\x00\x00\x01\x12\x67\x00\x50",
		} {
			if answer := dialRaw(t, s).ask(header + upgradeRequest(s)); answer.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: got %s, want 400", name, answer.Status)
			}
		}
		isRefusal(t, stage.Refusal(t, s, check.Options{}), http.StatusTooManyRequests, "addr_connections")
		first.Heartbeat()
	},
}, {
	ID: "P2.2g", Says: "503 where the server drains", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_DRAIN_SPREAD": "1s", "WS_DRAIN_TIMEOUT": "20s", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		// One that is sent what it does not read, keeps the drain from its end.
		slow := behind(t, s)
		early := dialRaw(t, s) // the listener is closed soon after: this one is in already
		if err := s.Process.Drain(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
		stage.Eventually(t, "newcomers to be refused", func() bool {
			client, err := check.Dial(stage.Within(t), s.URL(), check.Options{})
			if err == nil {
				client.Abort()
			}
			return err != nil
		})
		answer := early.ask(upgradeRequest(s))
		isRefusal(t, &check.Refusal{StatusCode: answer.StatusCode, Header: answer.Header, Body: early.body}, http.StatusServiceUnavailable, "draining")
		slow.Unstall()
		slow.Farewell(wire.CloseDrain)
	},
}, {
	ID: "P2.2h", Says: "503 where the server is not ready", Run: func(t *T) {
		nowhere, err := variant.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		s := t.StartCold(t.Topics(1, "trade"), stage.Settings{"KAFKA_BROKERS": nowhere})
		s.WaitStatus(t, "/healthz", http.StatusOK)
		refused(t, s, check.Options{}, http.StatusServiceUnavailable, "not_ready")
	},
}, {
	ID: "P2.2i", Says: "503 where the server holds all the connections it may", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MAX_CONNECTIONS": "2"})
		first, second := stage.Dial(t, s), stage.Dial(t, s)
		refused(t, s, check.Options{}, http.StatusServiceUnavailable, "connections")
		first.Heartbeat()
		second.Close()
		admitted(t, s, check.Options{})
	},
}, {
	ID: "P2.2j", Says: "503 where the server is over a limit of its resources", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MEMORY_LIMIT": "32MiB", "WS_HISTORY_BYTES": "16MiB"})
		var history []stage.Record // the program alone may be within the limit
		for n := range 160 {
			history = append(history, stage.Padded("trade", stage.Symbol(), n+1, 100<<10))
		}
		s.Topics.Publish(t, history...)
		stage.Eventually(t, "the memory to be looked at", func() bool {
			client, err := check.Dial(stage.Within(t), s.URL(), check.Options{})
			if err == nil {
				client.Abort()
			}
			return err != nil
		})
		refused(t, s, check.Options{}, http.StatusServiceUnavailable, "memory")
	},
}, {
	ID: "P2.3a", Says: "an invalid token is told after the upgrade: 4501 and no welcome", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		for name, o := range map[string]check.Options{
			"nonsense": bearer("nonsense"),
			"none":     {Header: stage.Origin("http://" + s.Addr)},
			"expired":  bearer(token(t, who(stage.Symbol(), past))),
		} {
			c := stage.DialSilent(t, s, o)
			if c.Subprotocol() != "ws.v1" {
				t.Errorf("%s: the subprotocol %q was selected", name, c.Subprotocol())
			}
			if before := c.Closed(wire.CloseUnauthorized); len(before) > 0 {
				t.Errorf("%s: before the close came %v", name, before)
			}
		}
		stage.Eventually(t, "it to be counted", func() bool {
			return s.Metric(t, "ws_connections_rejected_total", "reason", "token") >= 3
		})
	},
}, {
	ID: "P2.3b", Says: "an identity with too many connections is told after the upgrade: 4503 and no welcome", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice, bob := stage.Symbol(), stage.Symbol()
		var held []*stage.Conn
		for range connectionsPerSub {
			held = append(held, stage.DialWith(t, s, bearer(token(t, who(alice, later)))))
		}
		more := stage.DialSilent(t, s, bearer(token(t, who(alice, 2*later)))) // by another of its tokens
		if before := more.Closed(wire.CloseConnectionLimit); len(before) > 0 {
			t.Errorf("before the close came %v", before)
		}
		stage.DialWith(t, s, bearer(token(t, who(bob, later)))).Heartbeat()
		for _, c := range held {
			c.Heartbeat()
		}
		held[0].Close()
		admitted(t, s, bearer(token(t, who(alice, later))))
	},
}}
