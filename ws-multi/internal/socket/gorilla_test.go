package socket

import (
	"bufio"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// gorillaOn is gorilla's server side of a connection that has shaken hands already.
func gorillaOn(nc net.Conn) (*websocket.Conn, error) {
	request := &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}}
	var u websocket.Upgrader
	return u.Upgrade(&shaken{conn: deaf{nc}}, request, nil)
}

type shaken struct {
	http.ResponseWriter
	conn net.Conn
}

func (s *shaken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return s.conn, bufio.NewReadWriter(bufio.NewReader(s.conn), bufio.NewWriter(s.conn)), nil
}

// deaf is a connection of which the other side does not listen.
type deaf struct{ net.Conn }

func (deaf) Write(p []byte) (int, error) { return len(p), nil }
