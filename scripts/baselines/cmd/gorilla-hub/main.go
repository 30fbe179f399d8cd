package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/scripts/baselines/internal/baseline"
	"github.com/adred-codev/ws_poc/scripts/baselines/internal/kafka"
)

const usage = `The hub everybody writes first: gorilla's chat example with channels and Kafka.
Clients connect to /ws and subscribe as in kit/PROTOCOL.md, P3 and P4.`

func main() { os.Exit(baseline.Main(usage, run)) }

func run(ctx context.Context, s baseline.Settings) error {
	public, err := baseline.Listen(s)
	if err != nil {
		return err
	}
	reader, err := kafka.New(s)
	if err != nil {
		return err
	}
	hub := newHub()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", hub.serve)
	return baseline.Together(ctx, hub.run,
		func(ctx context.Context) error { return baseline.Serve(ctx, public, mux) },
		func(ctx context.Context) error { return reader.Run(ctx, hub.publish) },
		func(ctx context.Context) error {
			return baseline.ServeAdmin(ctx, s, baseline.Status{
				NotReady: reader.NotReady, Records: reader.Records,
				Connections: hub.connections.Load,
				Sent:        func() int64 { return hub.written.Load() - hub.answers.Load() },
			})
		},
	)
}

// envelope is a message as clients get it.
type envelope struct {
	Type    string          `json:"type"`
	Channel string          `json:"channel"`
	TS      int64           `json:"ts"`
	Data    json.RawMessage `json:"data"`
}

// publish sends a record to its channel.
func (h *hub) publish(r kafka.Record) {
	channel := r.Channel()
	text, err := json.Marshal(envelope{"message", channel, r.Timestamp.UnixMilli(), r.Value})
	if err != nil {
		slog.Warn("A record's value is not JSON; it is left out", "channel", channel, "error", err)
		return
	}
	select {
	case h.broadcast <- message{channel, text}:
	case <-h.done:
	}
}

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

// serve makes a client of a request.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	select {
	case h.register <- newClient(h, conn):
	case <-h.done:
		_ = conn.Close()
	}
}
