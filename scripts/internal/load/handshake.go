package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
)

// maxHead bounds the head of an answer to the upgrade.
const maxHead = 16 << 10

// acceptGUID is RFC 6455's (section 1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// appendRequest appends the upgrade request (RFC 6455, section 4.1).
func (w *worker) appendRequest(dst []byte, key string) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, w.dialect.path()...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, w.setup.Addr...)
	dst = append(dst, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	dst = append(dst, key...)
	if w.dialect == ws {
		dst = append(dst, "\r\nSec-WebSocket-Protocol: ws.v1"...)
	}
	return append(dst, "\r\n\r\n"...)
}

// key is the Sec-WebSocket-Key of a connection's socket. It is made from what the connection is, so that it need not be
// remembered; unlike a browser's nothing has to be kept from guessing it.
func (w *worker) key(i int32) string {
	c := &w.conns[i]
	sum := sha1.Sum(fmt.Appendf(nil, "%d %d %d", w.seed, i, c.gen))
	return base64.StdEncoding.EncodeToString(sum[:16])
}

func accept(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// answer is what a server said to the upgrade.
type answer struct {
	status     int
	retryAfter int // seconds
	length     int // of the head
}

// readAnswer reads the head of an answer; its length is 0 when it is not there whole. The error says in what an answer
// is none: a server that gives it will not do better at the next attempt.
func readAnswer(p []byte, key string) (a answer, err error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		if len(p) > maxHead {
			return a, fmt.Errorf("the answer to the upgrade has a head of more than %d bytes", maxHead)
		}
		return a, nil
	}
	a.length = end + 4
	lines := bytes.Split(p[:end], []byte("\r\n"))
	version, status, _ := bytes.Cut(lines[0], []byte(" "))
	status, _, _ = bytes.Cut(status, []byte(" "))
	if a.status, err = strconv.Atoi(string(status)); err != nil || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return a, fmt.Errorf("the answer to the upgrade is not HTTP: %q", lines[0])
	}
	var upgrade, connection, accepted bool
	for _, line := range lines[1:] {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch string(bytes.ToLower(name)) {
		case "retry-after":
			a.retryAfter, _ = strconv.Atoi(string(value)) // a date is as good as none
		case "upgrade":
			upgrade = bytes.EqualFold(value, []byte("websocket"))
		case "connection":
			connection = bytes.EqualFold(value, []byte("upgrade"))
		case "sec-websocket-accept":
			accepted = string(value) == accept(key)
		case "sec-websocket-extensions":
			if a.status == switching {
				return a, fmt.Errorf("the server selected the extension %q, which was not offered", value)
			}
		}
	}
	switch {
	case a.status != switching:
	case !upgrade || !connection:
		return a, fmt.Errorf("the server answered 101 without Upgrade: websocket and Connection: Upgrade")
	case !accepted:
		return a, fmt.Errorf("the server answered 101 with a wrong Sec-WebSocket-Accept, or none")
	}
	return a, nil
}

// Statuses that say: later perhaps (P2.2).
const (
	switching       = 101
	tooManyRequests = 429
	unavailable     = 503
)

// upgraded reads what came as the answer to the upgrade, and returns how many bytes of it are done with, -1 when the
// connection has ended.
func (w *worker) upgraded(i int32, p []byte) int {
	c := &w.conns[i]
	a, err := readAnswer(p, w.key(i))
	switch {
	case err != nil:
		w.fail(fmt.Errorf("connect to %s%s: %w", w.setup.Addr, w.dialect.path(), err))
		return -1
	case a.length == 0:
		return 0
	case a.status == tooManyRequests || a.status == unavailable:
		w.refused(i, strconv.Itoa(a.status), a.retryAfter)
		return -1
	case a.status != switching:
		body := p[a.length:]
		w.fail(fmt.Errorf("connect to %s%s: the server answers %d %s", w.setup.Addr, w.dialect.path(), a.status, body[:min(len(body), 200)]))
		return -1
	}
	if w.dialect == ws {
		w.to(c, greeting)
	} else {
		w.subscribe(i)
	}
	if c.fd < 0 {
		return -1
	}
	return a.length
}
