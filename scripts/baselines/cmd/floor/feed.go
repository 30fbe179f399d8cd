package main

import (
	"encoding/binary"
	"errors"
	"log/slog"

	"golang.org/x/sys/unix"
)

const (
	feedBuffer = 64 << 10 // read at once: clients are looked at in between
	maxRecord  = 16 << 20
)

// feed is a connection that records come by.
type feed struct {
	fd  int
	buf []byte // what came, up to half a record
}

var errRecord = errors.New("a record whose lengths do not fit: it is uint32 length of the rest, uint16 length of the channel, channel, payload; at most 16 MiB")

// parseRecord takes a record from the front of b. size is what it took; 0: it
// is not whole yet, and takes need bytes in all as far as can be told.
func parseRecord(b []byte) (channel, payload []byte, size, need int, err error) {
	if len(b) < 4 {
		return nil, nil, 0, 4, nil
	}
	n := binary.BigEndian.Uint32(b)
	if n < 2 || n > maxRecord {
		return nil, nil, 0, 0, errRecord
	}
	need = 4 + int(n)
	if len(b) < need {
		return nil, nil, 0, need, nil
	}
	end := 6 + int(binary.BigEndian.Uint16(b[4:]))
	if end > need {
		return nil, nil, 0, 0, errRecord
	}
	return b[6:end], b[end:need], need, need, nil
}

// take reads once and sends every record that is whole.
func (l *loop) take(f *feed) {
	n, err := receive(f.fd, f.buf[len(f.buf):cap(f.buf)])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return
	case err != nil:
		l.endFeed(f, err)
		return
	}
	f.buf = f.buf[:len(f.buf)+n]
	rest := f.buf
	for !l.stopped() {
		channel, payload, size, need, err := parseRecord(rest)
		if err != nil {
			l.endFeed(f, err)
			return
		}
		if size > 0 {
			l.deliver(channel, payload)
			rest = rest[size:]
			continue
		}
		if need > cap(f.buf) {
			f.buf = append(make([]byte, 0, need), rest...)
		} else {
			f.buf = append(f.buf[:0], rest...)
		}
		return
	}
}

func (l *loop) endFeed(f *feed, why error) {
	if !errors.Is(why, errClosed) {
		slog.Warn("a feed ends", "error", why)
	}
	delete(l.feeds, f.fd)
	l.close(f.fd)
}
