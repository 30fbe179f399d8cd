package main

import (
	"encoding/json"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeWait  = 10 * time.Second // for one message to go out
	pingPeriod = 25 * time.Second
	pongWait   = pingPeriod + 10*time.Second // without a pong for so long it is gone
	maxMessage = 64 << 10                    // of the client
	buffered   = 256                         // messages for a client that may wait
)

// client is one connection.
type client struct {
	hub  *hub
	conn *websocket.Conn
	send chan []byte // closed by the hub

	channels map[string]bool // the hub's
}

func newClient(h *hub, conn *websocket.Conn) *client {
	return &client{hub: h, conn: conn, send: make(chan []byte, buffered), channels: make(map[string]bool)}
}

// command is what a client may say.
type command struct {
	Type string          `json:"type"`
	ID   json.RawMessage `json:"id"`
	Data struct {
		Channels []string `json:"channels"`
	} `json:"data"`
}

// readPump hands the client's commands to the hub until the connection ends.
func (c *client) readPump() {
	defer func() {
		select {
		case c.hub.unregister <- c:
		case <-c.hub.done:
		}
		_ = c.conn.Close()
	}()
	c.conn.SetReadLimit(maxMessage)
	alive := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	_ = alive("")
	c.conn.SetPongHandler(alive)
	for {
		_, text, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var cmd command
		if json.Unmarshal(text, &cmd) != nil {
			return
		}
		if cmd.Type != "subscribe" {
			continue
		}
		select {
		case c.hub.subscribe <- subscription{c, cmd.ID, cmd.Data.Channels}:
		case <-c.hub.done:
			return
		}
	}
}

// writePump writes what the buffer has, and pings, until the hub closes the
// buffer or writing fails.
func (c *client) writePump() {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		_ = c.conn.Close()
	}()
	for {
		select {
		case text, open := <-c.send:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !open {
				_ = c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if err := c.conn.WriteMessage(websocket.TextMessage, text); err != nil {
				return
			}
			c.hub.written.Add(1)
		case <-ticker.C:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if err := c.conn.WriteMessage(websocket.PingMessage, nil); err != nil {
				return
			}
		}
	}
}
