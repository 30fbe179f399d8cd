package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// findRoot walks up from the working directory to the repository's top.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "scripts", "cmd", "demo", "doc.go")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s is not inside the repository: start the demo with scripts/demo, or name a server with --server", dir)
		}
	}
}

// buildServer builds the current production variant, to which the link ws leads, and returns the binary's path.
func buildServer(ctx context.Context, root string, stderr io.Writer) (string, error) {
	binary := filepath.Join(root, "scripts", "bin", "demo-server")
	// The link is resolved here: the go command wants a module's own directory.
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "ws"))
	if err != nil {
		return "", fmt.Errorf("find the server's source: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = stderr, stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the server in %s: %w", dir, err)
	}
	return binary, nil
}

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
