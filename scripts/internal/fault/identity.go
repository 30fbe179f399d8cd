package fault

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Who clients say they are.
var identityFaults = []Fault{{
	Name: "origins", Short: true,
	Did:  "pages of 16 origins that are not listed, though they look like one that is, connect",
	Load: "none",
	Run:  origins,
}, {
	Name: "tokens", Short: true,
	Did: "tokens that are expired, forged, unsigned or for somebody else are presented in three ways; keys are rotated, the key " +
		"server goes down, a key is withdrawn, a token expires",
	Load: "20 clients with good tokens, 50 records/s",
	Run:  tokens,
}, {
	Name: "forged-addresses", Short: true,
	Did: "one host opens 60 connections that each claim another address, in headers, and in the list that it gives a trusted proxy; " +
		"PROXY headers of both versions are sent",
	Load: fmt.Sprintf("a limit of %d connections an address", hostsLimit),
	Run:  forgedAddresses,
}}

func origins(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 1, "trade")
	s := t.Start(tp, stage.Settings{"WS_ALLOWED_ORIGINS": "https://app.example.com,http://localhost:8080", "WS_ALLOW_NO_ORIGIN": "false"})
	admitted := 0
	for _, origin := range []string{
		"", "null", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.org", "https://evilapp.example.com",
		"https://example.com", "https://app.example.org", "https://app.example.com@evil.org", "https://sub.app.example.com", "wss://app.example.com",
		"https://app.example.com/path", "https://app.example.com, https://evil.org", "http://localhost", "http://localhost:8081", "file://",
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: header})
		var refusal *check.Refusal
		switch {
		case err == nil:
			admitted++
			c.Abort()
			t.Errorf("origin %q was let in", origin)
		case !errors.As(err, &refusal) || refusal.StatusCode != http.StatusForbidden:
			admitted++
			t.Errorf("origin %q: %v, want 403", origin, err)
		}
	}
	t.None("origins not listed that had another answer than 403", admitted)
	// RFC 6454, section 4: scheme and host have no case, and the default port is the port that is not written.
	listed := []string{"https://app.example.com", "https://app.example.com:443", "HTTPS://APP.example.COM", "http://localhost:8080"}
	in := 0
	for _, origin := range listed {
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: http.Header{"Origin": {origin}}})
		if err != nil {
			t.Errorf("origin %q: %v", origin, err)
			continue
		}
		in++
		c.Close()
	}
	t.All("spellings of listed origins let in", in, len(listed))
}

// hostsLimit is how many connections a host may have.
const hostsLimit = 10

func forgedAddresses(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 1, "trade")
	set := stage.Settings{"WS_MAX_CONNECTIONS_PER_ADDR": fmt.Sprint(hostsLimit)}
	t.forgedToServer(t.Start(tp, set))
	set["WS_TRUSTED_PROXIES"] = "127.0.0.1/32,10.9.0.0/16"
	t.forgedByProxy(t.Start(tp, set))
}

// forgedToServer is where no proxy is trusted: what a client claims is nothing.
func (t *T) forgedToServer(s *stage.Server) {
	forger, victim := net.IPv4(127, 0, 7, 1), net.IPv4(127, 0, 7, 2)
	admitted := t.attempts(s, 60, func(i int) check.Options {
		// Every second claims to be the victim, which must not pay for it.
		forged := fmt.Sprintf("203.0.113.%d", i+1)
		if i%2 == 1 {
			forged = victim.String()
		}
		return check.Options{LocalIP: forger, Header: http.Header{
			"X-Forwarded-For": {forged}, "X-Real-Ip": {forged}, "Forwarded": {"for=" + forged}, "True-Client-Ip": {forged},
		}}
	})
	t.Most("connections of one host, by forged headers", float64(admitted), hostsLimit, "")
	t.All("connections of one host that had its place, by forged headers", admitted, hostsLimit)
	t.All("connections of the host that was claimed", t.attempts(s, hostsLimit, as(victim)), hostsLimit)
	// The one has nothing left, and the other has all.
	t.proxyHeaders(s, forger)
	other := net.IPv4(127, 0, 7, 3)
	t.proxyHeaders(s, other)
	t.All("connections of a host after its PROXY headers", t.attempts(s, hostsLimit, as(other)), hostsLimit)
}

// as comes from an address, and claims none.
func as(ip net.IP) func(int) check.Options {
	return func(int) check.Options { return check.Options{LocalIP: ip} }
}

// forgedByProxy is where 127.0.0.1 is trusted, as the proxy that a client's list comes through: the proxy adds the address that
// it saw behind what the client wrote.
func (t *T) forgedByProxy(s *stage.Server) {
	proxy := net.IPv4(127, 0, 0, 1)
	via := func(list ...string) check.Options {
		return check.Options{LocalIP: proxy, Header: http.Header{"X-Forwarded-For": list}}
	}
	const client, victim = "192.0.2.1", "192.0.2.2"
	admitted := t.attempts(s, 60, func(i int) check.Options {
		forged := fmt.Sprintf("203.0.113.%d", i+1)
		switch i % 6 {
		case 0:
			return via(forged + ", " + client)
		case 1:
			return via(forged, client)
		case 2:
			return via(victim + ", " + client)
		case 3: // as if it were a trusted proxy itself, for another
			return via(victim + ", 10.9.1.1, " + client)
		case 4: // through a second proxy, which is trusted
			return via(forged + ", " + client + ", 10.9.1.2")
		default:
			return via("::ffff:" + forged + ",\t" + client + ":4711")
		}
	})
	t.Most("connections of one host by a trusted proxy, with forged lists", float64(admitted), hostsLimit, "")
	t.All("connections of one host that had its place by a trusted proxy, with forged lists", admitted, hostsLimit)
	admitted = t.attempts(s, hostsLimit, func(int) check.Options { return via(victim) })
	t.All("connections of the host that was claimed, by the proxy", admitted, hostsLimit)

	// Who is no proxy that is trusted claims in vain, as if it were one.
	stranger := net.IPv4(127, 0, 7, 4)
	admitted = t.attempts(s, 60, func(i int) check.Options {
		return check.Options{LocalIP: stranger, Header: http.Header{"X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", i+1)}}}
	})
	t.Most("connections of one host that is no trusted proxy", float64(admitted), hostsLimit, "")
	t.All("connections of one host that is no trusted proxy and had its place", admitted, hostsLimit)
	t.proxyHeaders(s, proxy)
	t.proxyHeaders(s, net.IPv4(127, 0, 7, 5))
}

// attempts are n connections that are kept until the fault's end. It returns how many were let in; the others must be refused
// for the host's limit.
func (t *T) attempts(s *stage.Server, n int, how func(i int) check.Options) (admitted int) {
	for i := range n {
		c, err := check.Dial(stage.Within(t), s.URL(), how(i))
		var refusal *check.Refusal
		switch {
		case err == nil:
			admitted++
			t.Cleanup(c.Abort)
		case !errors.As(err, &refusal) || refusal.StatusCode != http.StatusTooManyRequests ||
			!bytes.Contains(refusal.Body, []byte(`"addr_connections"`)):
			t.Errorf("got %v, want a connection or 429 addr_connections", err)
		}
	}
	return admitted
}

// proxyHeaders sends PROXY headers of both versions from an address: each is a bad request, whatever else the address may do.
func (t *T) proxyHeaders(s *stage.Server, from net.IP) {
	const v2 = "\r\n\r\n\x00\r\nQUIT\n"
	upgraded, otherwise := 0, 0
	for i := range 2 * hostsLimit {
		client := byte(i + 1)
		for name, header := range map[string]string{
			"1":          fmt.Sprintf("PROXY TCP4 203.0.113.%d 127.0.0.1 5000 3002\r\n", client),
			"1, IPv6":    fmt.Sprintf("PROXY TCP6 2001:db8::%x 2001:db8::ffff 5000 3002\r\n", client),
			"1, unknown": "PROXY UNKNOWN\r\n",
			"2":          v2 + "\x21\x11\x00\x0c\xcb\x00\x71" + string(rune(client)) + "\x7f\x00\x00\x01\x13\x88\x0b\xba",
			"2, local":   v2 + "\x20\x00\x00\x00",
		} {
			switch answer := proxyHeader(t, s.Addr, from, header); {
			case strings.Contains(answer, " 101 "):
				upgraded++
				t.Errorf("a PROXY header of version %s was taken", name)
			case !strings.Contains(answer, " 400 "):
				otherwise++
				t.Errorf("a PROXY header of version %s from %v is answered %q, want 400", name, from, answer)
			}
		}
	}
	t.None("upgrades behind a PROXY header, from "+from.String(), upgraded)
	t.None("PROXY headers that were no bad request, from "+from.String(), otherwise)
}

// proxyHeader sends the header and a handshake, and returns the answer's first line.
func proxyHeader(t *T, addr string, from net.IP, header string) string {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: stage.Patience}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(stage.Patience)) // a TCP connection has deadlines
	_, err = io.WriteString(conn, header+"GET /ws HTTP/1.1\r\nHost: "+addr+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		return err.Error()
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && line == "" {
		return err.Error()
	}
	return strings.TrimSpace(line)
}
