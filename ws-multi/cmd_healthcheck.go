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

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

const healthcheckTimeout = 3 * time.Second

// checkingHealth asks for life unless told otherwise: who waits for a broker is
// not ready, and starting it anew would not bring the broker.
func checkingHealth(p *cli) ([]config.Flag, action) {
	var ready bool
	patience := healthcheckTimeout
	own := []config.Flag{
		{Name: "ready", Value: config.Switch(&ready), Doc: "ask whether it takes clients: Kafka read up, not draining"},
		{Name: "timeout", Value: config.Span(&patience, time.Millisecond, 24*time.Hour), Default: "3s", Doc: "how long to wait for the answer"},
	}
	return own, func(ctx context.Context, cfg *config.Config) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		door, err := newAdminDoor(cfg)
		if err != nil {
			return err
		}
		question := map[bool]struct{ path, yes string }{false: {"/healthz", "alive"}, true: {"/readyz", "ready"}}[ready]
		if _, err = door.ask(ctx, http.MethodGet, question.path); err == nil {
			_, err = fmt.Fprintln(p.stdout, question.yes)
		}
		return err
	}
}

// An adminDoor is the admin address of the server on this host which has the
// same settings as this process.
type adminDoor struct {
	addr   string
	token  config.Secret
	client http.Client
}

func newAdminDoor(cfg *config.Config) (*adminDoor, error) {
	if _, port, _ := net.SplitHostPort(cfg.AdminAddr); port == "0" {
		return nil, cfg.Wrong("WS_ADMIN_ADDR", "the server has chosen its port itself", "give the address that it logged by --admin-addr")
	}
	door := &adminDoor{addr: cfg.AdminAddr, token: cfg.AdminToken}
	// The transport has no proxy and no redirect is followed: what is asked, and
	// the token with it, stays on this host. To dial, no host is this host.
	door.client.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, door.addr)
		},
	}
	door.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return door, nil
}

// answerBytes is more than the largest answer has, that of /metrics.
const answerBytes = 4 << 20

// errNobody is that nothing listens: a server that was there is gone.
var errNobody = errors.New("nothing listens there")

// ask returns the body of an answer that says yes.
func (d *adminDoor) ask(ctx context.Context, method, path string) ([]byte, error) {
	where := d.addr + path
	r, err := http.NewRequestWithContext(ctx, method, "http://server"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", where, err)
	}
	if d.token.IsSet() {
		r.Header.Set("Authorization", "Bearer "+d.token.Reveal())
	}
	answer, err := d.client.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("ask %s: %w; start the server, or give its WS_ADMIN_ADDR", where, errNobody)
	}
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(answer.Body, answerBytes))
		_ = answer.Body.Close()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("ask %s: no answer in time", where)
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("ask %s: stopped before the answer", where)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", where, err)
	}
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return body, nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return nil, fmt.Errorf("ask %s: it wants a token; set WS_ADMIN_TOKEN to the server's", where)
	default:
		return nil, fmt.Errorf("ask %s: it answers %d%s", where, code, said(body))
	}
}

// said is as much of an answer as a line can carry.
func said(body []byte) string {
	const most = 200
	first, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if len(first) > most {
		first = strings.ToValidUTF8(first[:most], "") + "..."
	}
	if first = strings.TrimSpace(first); first == "" {
		return ""
	}
	return ", " + first
}
