package socket

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// BenchmarkRead is the way of one small message from the client's write to the
// sink, on a connection that was idle before: what a command costs.
//
//	go test ./internal/socket -run '^$' -bench Read -cpu 1
func BenchmarkRead(b *testing.B) {
	l, err := Listen(context.Background(), "127.0.0.1:0", Options{StallTimeout: time.Minute, MessageTimeout: 10 * time.Second, HalfOpen: 4})
	if err != nil {
		b.Fatal(err)
	}
	accepted := make(chan *Conn, 1)
	u := NewUpgrader(1000, time.Second)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			accepted <- c
		}
	})}
	go func() { _ = server.Serve(l) }()
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+l.Addr().String(), nil)
	if err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
	c, heard, done := <-accepted, make(heard, 1), make(chan struct{})
	go func() {
		c.Serve(heard)
		close(done)
	}()
	frame := append([]byte{0x81, 0x80 | 60, 0, 0, 0, 0}, make([]byte, 60)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ws.NetConn().Write(frame); err != nil {
			b.Fatal(err)
		}
		<-heard
	}
	_ = c.Close()
	<-done
	_ = ws.Close()
	_ = server.Close()
}

type heard chan struct{}

func (h heard) Text([]byte)   { h <- struct{}{} }
func (h heard) Binary([]byte) {}
func (h heard) Ping([]byte)   {}
func (h heard) End(End)       {}
