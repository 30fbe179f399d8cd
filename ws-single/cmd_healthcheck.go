package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

// runHealthcheck asks the server that has the same settings. Alive is what an
// image's health check wants: a server that waits for its broker is not ready,
// but a restart would not bring the broker back.
func runHealthcheck(ctx context.Context, in invocation) error {
	flags := newFlags()
	ready := flags.Bool("ready", false, "")
	timeout := config.DurationFlag(flags, "timeout", 3*time.Second)
	cfg, err := in.load(flags)
	if err != nil {
		return err
	}
	admin, err := newAdminClient(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	path, answer := "/healthz", "alive"
	if *ready {
		path, answer = "/readyz", "ready"
	}
	if _, err := admin.do(ctx, http.MethodGet, path); err != nil {
		return err
	}
	_, err = fmt.Fprintln(in.stdout, answer)
	return err
}

// An adminClient speaks with the admin address of the server on this host that
// has the same settings.
type adminClient struct {
	addr  string
	token config.Secret
	http  *http.Client
}

func newAdminClient(cfg *config.Config) (*adminClient, error) {
	if strings.HasSuffix(cfg.AdminAddr, ":0") {
		return nil, cfg.Wrong("WS_ADMIN_ADDR", "the server took a free port: give the one that it logged, by --admin-addr")
	}
	transport := &http.Transport{
		// No proxy: this never leaves the host. Dialled as it is listened on:
		// an empty or unspecified host is this one (net.Dial).
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", cfg.AdminAddr)
		},
		DisableKeepAlives: true,
	}
	return &adminClient{
		addr:  cfg.AdminAddr,
		token: cfg.AdminToken,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}, nil
}

// maxAnswer bounds what is read of an answer: /metrics is the largest, some
// tens of KiB.
const maxAnswer = 4 << 20

// do returns the body of a 2xx answer; anything else is an error that says what
// was answered.
func (a *adminClient) do(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", path, err)
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+string(a.token))
	}
	response, err := a.http.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("nothing listens on %s: is the server running, and with this WS_ADMIN_ADDR? (%w)", a.addr, syscall.ECONNREFUSED)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer from %s%s in time", a.addr, path)
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("stopped while waiting for an answer from %s%s", a.addr, path)
	case err != nil:
		return nil, fmt.Errorf("ask %s%s: %w", a.addr, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s%s: %w", a.addr, path, err)
	}
	switch {
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%s%s wants the admin token: set WS_ADMIN_TOKEN to the server's", a.addr, path)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return nil, fmt.Errorf("%s%s answers %s%s", a.addr, path, response.Status, firstLine(body))
	}
	return body, nil
}

// firstLine is the part of an answer that fits into an error.
func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" {
		return ""
	}
	const most = 200
	return fmt.Sprintf(": %.*s", most, strings.TrimSpace(line))
}
