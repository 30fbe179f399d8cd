package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

// conn is a client.
type conn struct {
	fd       int
	upgraded bool
	channels []*channel
	in       []byte // what came, up to half a frame; nil mostly
}

// input takes bytes that came and does what they say. An error ends the
// connection.
func (l *loop) input(c *conn, b []byte) error {
	if len(c.in) > 0 {
		b = append(c.in, b...)
	}
	if !c.upgraded {
		answer, size, err := answerHandshake(b)
		if len(answer) > 0 {
			if err := l.sendAll(c.fd, answer); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if c.upgraded = size > 0; c.upgraded {
			l.connections.Add(1)
		}
		b = b[size:]
	}
	for c.upgraded {
		op, payload, size, err := parseFrame(b)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err := l.obey(c, op, payload); err != nil {
			return err
		}
		b = b[size:]
	}
	c.in = append([]byte(nil), b...) // nil where nothing is left
	return nil
}

// command is what a client may say.
type command struct {
	Type string          `json:"type"`
	ID   json.RawMessage `json:"id"`
	Data struct {
		Channels []string `json:"channels"`
	} `json:"data"`
}

func (l *loop) obey(c *conn, op byte, payload []byte) error {
	switch op {
	case opPing:
		return l.sendAll(c.fd, append(appendHeader(nil, opPong, len(payload)), payload...))
	case opClose:
		_ = l.sendAll(c.fd, append(appendHeader(nil, opClose, len(payload)), payload...))
		return errClosed
	case opText:
		var cmd command
		if err := json.Unmarshal(payload, &cmd); err != nil {
			return fmt.Errorf("read command: %w", err)
		}
		if cmd.Type == "subscribe" {
			return l.subscribe(c, cmd)
		}
	}
	return nil
}

func (l *loop) subscribe(c *conn, cmd command) error {
	for _, name := range cmd.Data.Channels {
		ch := l.channels[name]
		if ch == nil {
			ch = &channel{name: name}
			l.channels[name] = ch
		}
		if !slices.Contains(c.channels, ch) {
			c.channels = append(c.channels, ch)
			ch.fds = append(ch.fds, int32(c.fd))
		}
	}
	id := ""
	if cmd.ID != nil {
		id = fmt.Sprintf(`"id":%s,`, cmd.ID)
	}
	ack := fmt.Appendf(nil, `{"type":"subscription_ack",%s"count":%d}`, id, len(c.channels))
	return l.sendAll(c.fd, append(appendHeader(nil, opText, len(ack)), ack...))
}
