package variant

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are taken from below the kernel's ephemeral range (32768 and up), in
// which any outgoing connection of the test itself could land between our
// look and the server's bind.
const (
	firstPort = 12000
	lastPort  = 32000
)

var ports struct {
	sync.Mutex
	next int
}

// FreeAddr is an address of 127.0.0.1 on which nothing listens. It is not
// handed out twice by this process; other processes start elsewhere, by chance.
func FreeAddr() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.next == 0 {
		ports.next = firstPort + rand.IntN(lastPort-firstPort)
	}
	for range 200 {
		ports.next++
		if ports.next >= lastPort {
			ports.next = firstPort
		}
		addr := fmt.Sprintf("127.0.0.1:%d", ports.next)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("find free port: %w", err)
		}
		return addr, nil
	}
	return "", errors.New("find free port: 200 in a row are taken")
}
