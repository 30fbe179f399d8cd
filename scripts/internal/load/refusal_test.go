package load

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whatever a server does to a handshake that may pass is tried again, and counted by what it was.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		refuse func(p *peer)
		want   string
	}{
		{"503", func(p *peer) { p.refuse(503, "") }, "503"},
		{"429", func(p *peer) { p.refuse(429, "Retry-After: 0\r\n") }, "429"},
		{"reset", func(p *peer) {
			_ = p.readRequest()
			p.rst()
		}, "reset"},
		{"closed before the answer", func(p *peer) { _ = p.readRequest() }, "closed"},
		{"closed in the answer", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switch"))
		}, "closed"},
		{"closed after the upgrade", func(p *peer) {
			_ = p.upgrade()
			_, _ = p.Write(serverFrame(opClose, []byte{4503 >> 8, 4503 & 0xff}))
			_, _, _ = p.next()
		}, "close 4503"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(p *peer, conn int) {
				if conn < 3 {
					test.refuse(p)
					return
				}
				if _, err := p.subscribed(WS); err != nil {
					t.Error(err)
				}
				p.wait()
			})
			f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(2, 1, 1)})
			var seen []int
			c, err := f.Connect(within(t), 2, func(n int) { seen = append(seen, n) })
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{test.want: 3}; !maps.Equal(c.Refused, want) {
				t.Errorf("refused: %v, want %v", c.Refused, want)
			}
			if c.Seconds <= 0 || c.PerSecond <= 0 || c.P50MS <= 0 || c.MaxMS < c.P99MS || c.P99MS < c.P50MS {
				t.Errorf("got %+v", c)
			}
			if len(seen) == 0 || seen[len(seen)-1] != 2 || !slices.IsSorted(seen) {
				t.Errorf("progress was %v", seen)
			}
		})
	}
}

// A command that may succeed later is sent again, on the same connection.
func TestTemporaryError(t *testing.T) {
	s := serve(t, func(p *peer, _ int) {
		_ = p.upgrade()
		p.text(welcome)
		c, err := p.readCommand()
		if err != nil {
			t.Error(err)
			return
		}
		p.text(`{"type":"error","id":%d,"code":"UNAVAILABLE","message":"soon","temporary":true}`, c.ID)
		again, err := p.readCommand()
		if err != nil || !slices.Equal(again.Data.Channels, c.Data.Channels) {
			t.Errorf("got %+v, %v, after %+v", again, err, c)
		}
		p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":{"trade":{"log":"x","at":[]}}}`, again.ID)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(1, 3, 3)})
	c, err := f.Connect(within(t), 1, nil)
	if err != nil || s.accepted.Load() != 1 || !maps.Equal(c.Refused, map[string]int{"error UNAVAILABLE": 1}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A server that is not there is tried again until nobody wants to wait any more.
func TestConnectionRefused(t *testing.T) {
	f := fleet(t, Spec{Addr: "127.0.0.1:1", Dialect: WS, Scenario: few(3, 1, 1)})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	c, err := f.Connect(ctx, 3, nil)
	if err == nil || !strings.Contains(err.Error(), "connect 3 clients, of which 0 came (refused: connection refused ") {
		t.Errorf("got %v", err)
	}
	if c.Refused["connection refused"] < 3 {
		t.Errorf("refused: %v", c.Refused)
	}
}

// What will not pass is an error at once, and says what to do.
func TestRefusedForGood(t *testing.T) {
	tests := []struct {
		name, dialect, says string
		script              func(p *peer)
	}{
		{"no such path", Hub, "/ws: the server answers 404 busy", func(p *peer) { p.refuse(404, "") }},
		{"wrong accept", Hub, "wrong Sec-WebSocket-Accept", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"))
		}},
		{"no upgrade", Hub, "without Upgrade", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
		}},
		{"extension", Hub, "which was not offered", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"))
		}},
		{"not HTTP", Hub, "not HTTP", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("SSH-2.0\r\n\r\n"))
		}},
		{"endless head", Hub, "a head of more than", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 " + strings.Repeat("x", 40<<10)))
		}},
		{"channel limit", WS, "set WS_CHANNELS", func(p *peer) {
			_ = p.upgrade()
			p.text(`{"type":"welcome","limits":{"message_bytes":null,"channels":2,"commands_per_s":null}}`)
		}},
		{"error", WS, "the server answers CHANNEL_INVALID: no such event", func(p *peer) {
			_ = p.upgrade()
			p.text(welcome)
			c, _ := p.readCommand()
			p.text(`{"type":"error","id":%d,"code":"CHANNEL_INVALID","message":"no such event","temporary":false}`, c.ID)
		}},
		{"error", Centrifuge, "error 102: unknown channel", func(p *peer) {
			_ = p.upgrade()
			_, _, _ = p.next()
			p.text(`{"id":2,"error":{"code":102,"message":"unknown channel"}}`)
		}},
	}
	for _, test := range tests {
		t.Run(test.name+"/"+test.dialect, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(p *peer, _ int) {
				test.script(p)
				p.wait()
			})
			f := fleet(t, Spec{Addr: s.Addr, Dialect: test.dialect, Scenario: few(20, 3, 3)})
			_, err := f.Connect(within(t), 20, nil)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want …%s…", err, test.says)
			}
			// The fleet can still be used.
			if c, err := f.Counts(within(t)); err != nil || c.Connections != 0 {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
}
