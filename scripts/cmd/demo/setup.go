package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// triedPorts is how many ports are tried from the default one on.
const triedPorts = 50

// listen opens the page's address. A port that was asked for is the only one tried; from the default one the next
// that is free.
func listen(host string, port int, asked bool) (net.Listener, error) {
	for p := port; ; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p)))
		switch {
		case err == nil:
			return l, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return nil, fmt.Errorf("open the page's address: %w", err)
		case asked:
			return nil, fmt.Errorf("port %d is busy: choose another with --port, or leave it out", p)
		case p == port+triedPorts:
			return nil, fmt.Errorf("ports %d to %d are busy: choose another with --port", port, p)
		}
	}
}

// openBrowser shows the address where there is a desktop to show it on.
func openBrowser(address string) {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return
	}
	if opener, err := exec.LookPath("xdg-open"); err == nil {
		cmd := exec.Command(opener, address)
		if cmd.Start() == nil {
			go func() { _ = cmd.Wait() }()
		}
	}
}
