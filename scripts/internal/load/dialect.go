package load

import (
	"fmt"
	"strconv"
)

// The names of dialects.
const (
	WS         = "ws"         // kit/PROTOCOL.md
	Hub        = "hub"        // its subscribe command, no welcome, no seq, no pos, no cursor
	Centrifuge = "centrifuge" // JSON protocol of github.com/centrifugal/centrifuge
)

type dialect uint8

const (
	ws dialect = iota
	hub
	centrifuge
)

func parseDialect(name string) (dialect, error) {
	for i, known := range []string{WS, Hub, Centrifuge} {
		if name == known {
			return dialect(i), nil
		}
	}
	return 0, fmt.Errorf("dialect %q is unknown: write %s, %s or %s", name, WS, Hub, Centrifuge)
}

// path is where the dialect is spoken.
func (d dialect) path() string {
	if d == centrifuge {
		return "/connection/websocket"
	}
	return "/ws"
}

// loadEvent is the one of all channels of a load.
const loadEvent = "trade"

// Without a welcome that says more, a command is at most so long, and centrifuge's frame of several commands too.
const commandBytes = 60 << 10

// appendCommand appends a command that subscribes connection i to the channels from c.from on, as many as go into one,
// and sets c.upTo behind the last of them and c.acks to the answers that will come. With a cursor it takes all
// channels: there is only one resume (P7.4).
func (w *worker) appendCommand(dst []byte, i int32) []byte {
	c := &w.conns[i]
	limit := w.commandBytes
	held := w.holdings(c)
	c.upTo, c.acks = c.from, 1
	c.command++
	if w.dialect == centrifuge {
		c.acks = 0
		if c.from == 0 {
			dst = append(dst, `{"id":1,"connect":{}}`...)
			c.acks, c.command = 1, 1
		}
		for ; int(c.upTo) < len(held) && len(dst) < limit-100; c.upTo++ {
			if len(dst) > 0 {
				dst = append(dst, '\n')
			}
			c.command++
			c.acks++
			dst = append(dst, `{"id":`...)
			dst = strconv.AppendUint(dst, uint64(c.command), 10)
			dst = append(dst, `,"subscribe":{"channel":"`...)
			dst = append(w.appendChannel(dst, held[c.upTo].channel), `"}}`...)
		}
		return dst
	}
	dst = append(dst, `{"type":"subscribe","id":`...)
	dst = strconv.AppendUint(dst, uint64(c.command), 10)
	dst = append(dst, `,"data":{"channels":[`...)
	for ; int(c.upTo) < len(held) && (c.resumes || len(dst) < limit-100); c.upTo++ {
		if c.upTo > c.from {
			dst = append(dst, ',')
		}
		dst = append(w.appendChannel(append(dst, '"'), held[c.upTo].channel), '"')
	}
	dst = append(dst, ']')
	if c.resumes {
		dst = append(dst, `,"cursor":`...)
		dst = w.appendCursor(dst, i)
	}
	return append(dst, "}}"...)
}

// appendChannel writes what plan.Channel says, without making a string of it each time.
func (w *worker) appendChannel(dst []byte, channel int32) []byte {
	for int(channel) >= len(w.names) {
		w.names = append(w.names, w.plan.Channel(len(w.names)))
	}
	return append(dst, w.names[channel]...)
}

// appendCursor writes the cursor of a connection (P6.1): all its channels are of one event.
func (w *worker) appendCursor(dst []byte, i int32) []byte {
	dst = append(dst, `{"`+loadEvent+`":{"log":`...)
	dst = strconv.AppendQuote(dst, w.logs[w.conns[i].log])
	dst = append(dst, `,"at":[`...)
	positions := w.positions(i)
	for len(positions) > 0 && positions[len(positions)-1] < 0 {
		positions = positions[:len(positions)-1] // perhaps there is no such partition
	}
	for p, at := range positions {
		if p > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, at, 10)
	}
	return append(dst, "]}}"...)
}
