package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const maxHandshake = 8 << 10 // bytes of a request

var headEnd = []byte("\r\n\r\n")

// guid is what a key is hashed with (RFC 6455, section 1.3).
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

var errHandshake = errors.New("no handshake for /ws")

// answerHandshake returns what to answer a request, and how much of b it took;
// 0: it is not whole yet. After an error the answer is the last thing to say.
func answerHandshake(b []byte) (answer []byte, size int, err error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		if len(b) > maxHandshake {
			return refusal(http.StatusRequestHeaderFieldsTooLarge), len(b), errHandshake
		}
		return nil, 0, nil
	}
	size = end + len(headEnd)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:size])))
	if err != nil {
		return refusal(http.StatusBadRequest), size, errHandshake
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	switch {
	case r.URL.Path != "/ws":
		return refusal(http.StatusNotFound), size, errHandshake
	case r.Method != http.MethodGet || key == "" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		return refusal(http.StatusUpgradeRequired), size, errHandshake
	}
	hash := sha1.Sum([]byte(key + guid))
	return fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(hash[:])), size, nil
}

func refusal(status int) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
}
