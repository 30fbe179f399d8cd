package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// hub has all clients. Its goroutine alone touches the maps and closes a
// client's buffer.
type hub struct {
	clients  map[*client]bool
	channels map[string]map[*client]bool

	register   chan *client
	unregister chan *client
	subscribe  chan subscription
	broadcast  chan message
	done       chan struct{} // closed when nothing is taken any more

	pumps       sync.WaitGroup // the clients' goroutines
	connections atomic.Int64
	written     atomic.Int64 // messages and answers
	answers     atomic.Int64 // given to a client's buffer
}

// message goes to all subscribers of a channel.
type message struct {
	channel string
	text    []byte
}

// subscription is a client's command.
type subscription struct {
	client   *client
	id       json.RawMessage
	channels []string
}

func newHub() *hub {
	return &hub{
		clients:    make(map[*client]bool),
		channels:   make(map[string]map[*client]bool),
		register:   make(chan *client),
		unregister: make(chan *client),
		subscribe:  make(chan subscription),
		broadcast:  make(chan message),
		done:       make(chan struct{}),
	}
}

// endWait is how long clients have at the end to take what their buffers hold.
const endWait = 2 * time.Second

// run is the hub's goroutine. It returns when all clients' have ended, or soon.
func (h *hub) run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case c := <-h.register:
			h.clients[c] = true
			h.connections.Add(1)
			h.pumps.Go(c.readPump)
			h.pumps.Go(c.writePump)
		case c := <-h.unregister:
			if h.clients[c] {
				h.drop(c)
			}
		case s := <-h.subscribe:
			h.add(s)
		case m := <-h.broadcast:
			for c := range h.channels[m.channel] {
				h.send(c, m.text)
			}
		}
	}
	close(h.done)
	for c := range h.clients {
		h.drop(c)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.pumps.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(endWait): // the process ends, and with it those that write to full sockets
	}
	return nil
}

// send puts text into a client's buffer. A client whose buffer is full is too
// slow: it gets what is in there and is closed.
func (h *hub) send(c *client, text []byte) {
	select {
	case c.send <- text:
	default:
		h.drop(c)
	}
}

func (h *hub) add(s subscription) {
	if !h.clients[s.client] {
		return // closed meanwhile
	}
	for _, channel := range s.channels {
		if h.channels[channel] == nil {
			h.channels[channel] = make(map[*client]bool)
		}
		h.channels[channel][s.client] = true
		s.client.channels[channel] = true
	}
	id := ""
	if s.id != nil {
		id = fmt.Sprintf(`"id":%s,`, s.id)
	}
	h.answers.Add(1)
	h.send(s.client, fmt.Appendf(nil, `{"type":"subscription_ack",%s"count":%d}`, id, len(s.client.channels)))
}

// drop forgets a client; its writePump sees the closed buffer and closes it.
func (h *hub) drop(c *client) {
	for channel := range c.channels {
		delete(h.channels[channel], c)
		if len(h.channels[channel]) == 0 {
			delete(h.channels, channel)
		}
	}
	delete(h.clients, c)
	h.connections.Add(-1)
	close(c.send)
}
