package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rig is a page's end and a server's end of one connection through a line.
type rig struct {
	lines *Lines
	line  *Line
	web   *httptest.Server
	up    net.Listener
}

func newRig(t *testing.T) *rig {
	t.Helper()
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := NewLines(func(string) (Upstream, bool) { return Upstream{"one", 7, up.Addr().String()}, true })
	web := httptest.NewServer(lines)
	t.Cleanup(func() {
		up.Close()
		lines.Close()
		web.Close()
	})
	line, err := lines.get("abc")
	if err != nil {
		t.Fatal(err)
	}
	return &rig{lines, line, web, up}
}

const upgrade = "GET /ws?line=abc HTTP/1.1\r\nHost: page\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://page\r\n\r\n"

// connect opens a link. early is sent together with the upgrade request.
func (r *rig) connect(t *testing.T, early string) (page, server *net.TCPConn, request *http.Request, in *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", r.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, upgrade+early); err != nil {
		t.Fatal(err)
	}
	s, err := r.up.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	in = bufio.NewReader(s)
	if request, err = http.ReadRequest(in); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_ = s.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn), s.(*net.TCPConn), request, in
}

func TestALineCarriesBothWays(t *testing.T) {
	r := newRig(t)
	page, server, request, in := r.connect(t, "early")
	if request.Host != "page" || request.Header.Get("Origin") != "http://page" || request.Header.Get("Upgrade") != "websocket" ||
		request.Header.Get("Connection") != "Upgrade" || request.URL.RequestURI() != "/ws?line=abc" {
		t.Errorf("the server got %v %v", request.URL, request.Header)
	}
	expect(t, in, "early")
	write(t, page, "to the server")
	expect(t, in, "to the server")
	write(t, server, "to the page")
	expect(t, page, "to the page")
	if c, _, n := r.line.Condition(); c != Normal || n.Name != "one" || n.Number != 7 {
		t.Errorf("condition %s to server %+v", c, n)
	}
	_ = server.CloseWrite()
	if _, err := page.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the server's end of stream the page reads %v, want EOF", err)
	}
	write(t, page, "close frame")
	expect(t, in, "close frame")
}

func write(t *testing.T, to io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(to, s); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

func TestACutLineResetsAndRefuses(t *testing.T) {
	r := newRig(t)
	page, server, _, _ := r.connect(t, "")
	r.line.Set(Cut, 300*time.Millisecond)
	for name, end := range map[string]*net.TCPConn{"page": page, "server": server} {
		if _, err := end.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the %s reads %v, want a reset", name, err)
		}
	}
	refused, err := net.Dial("tcp", r.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	write(t, refused, upgrade)
	if _, err := refused.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("while it is cut a new connection reads %v, want a reset", err)
	}
	time.Sleep(300 * time.Millisecond)
	page, _, _, in := r.connect(t, "") // by itself it is normal again
	write(t, page, "back")
	expect(t, in, "back")
}

func TestOtherLinesDoNotFeelACut(t *testing.T) {
	r := newRig(t)
	page, _, _, in := r.connect(t, "")
	other, err := r.lines.get("other")
	if err != nil {
		t.Fatal(err)
	}
	other.Set(Cut, time.Hour)
	write(t, page, "still here")
	expect(t, in, "still here")
}

func TestASlowLineFillsTheServersSocket(t *testing.T) {
	r := newRig(t)
	page, server, _, _ := r.connect(t, "")
	_ = server.SetWriteBuffer(16 << 10)
	r.line.Set(Slow, time.Hour)

	chunk := []byte(strings.Repeat("0123456789abcdef", 64))
	written := 0
	_ = server.SetWriteDeadline(time.Now().Add(time.Second))
	for {
		n, err := server.Write(chunk)
		written += n
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
	}
	// What both sockets hold, and a second's share.
	if written > 150<<10 {
		t.Errorf("a slow line took %d KiB in a second: its socket never fills", written>>10)
	}
	read := make(chan int)
	go func() {
		n := 0
		buf := make([]byte, 32<<10)
		for n < written {
			m, err := page.Read(buf)
			for _, b := range buf[:m] {
				if b != chunk[n%16] {
					n = -1 << 30
				}
				n++
			}
			if err != nil {
				break
			}
		}
		read <- n
	}()
	select {
	case n := <-read:
		t.Fatalf("%d of %d bytes came while the line is slow", n, written)
	case <-time.After(300 * time.Millisecond):
	}
	r.line.Set(Normal, 0)
	if n := <-read; n != written {
		t.Errorf("%d bytes came in order, want all %d", n, written)
	}
}

func TestCloseEndsWhatIsOpen(t *testing.T) {
	r := newRig(t)
	page, _, _, _ := r.connect(t, "")
	r.lines.Close()
	if _, err := page.Read(make([]byte, 1)); err == nil {
		t.Error("the page still reads")
	}
	if _, err := r.lines.get("new"); err == nil {
		t.Error("a new line after the end")
	}
}

// A page that is loaded again and again leaves its lines behind: they make place for new ones, those in use do not.
func TestLinesAreBounded(t *testing.T) {
	r := newRig(t)
	page, _, _, in := r.connect(t, "")
	for i := range maxLines - 1 {
		l, err := r.lines.get(fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		l.Set(Slow, time.Hour)
	}
	if _, err := r.lines.get("one too many"); !errors.Is(err, errTooManyLines) {
		t.Errorf("%v, want %v", err, errTooManyLines)
	}
	if l, err := r.lines.get("abc"); err != nil || l != r.line {
		t.Errorf("a known one: %v", err)
	}
	for _, id := range []string{"7", "5"} {
		l, err := r.lines.get(id)
		if err != nil {
			t.Fatal(err)
		}
		l.Set(Normal, 0)
	}
	for _, c := range []struct{ id, gone string }{{"in the place of 7", "7"}, {"in the place of 5", "5"}} {
		l, err := r.lines.get(c.id)
		if err != nil {
			t.Fatal(err)
		}
		l.Set(Slow, time.Hour)
		if r.lines.lines[c.gone] != nil || len(r.lines.lines) != maxLines {
			t.Errorf("%s: %d lines, and what was asked for longest ago is still there: %v", c.id, len(r.lines.lines), r.lines.lines[c.gone] != nil)
		}
	}
	write(t, page, "still here")
	expect(t, in, "still here")
}

// A link whose line was forgotten while it was dialled would be one that nothing can cut or close.
func TestAForgottenLineOpensNothing(t *testing.T) {
	r := newRig(t)
	r.lines.upstream = func(string) (Upstream, bool) {
		r.lines.mu.Lock()
		defer r.lines.mu.Unlock()
		r.lines.forget()
		return Upstream{"one", 7, r.up.Addr().String()}, true
	}
	c, err := net.Dial("tcp", r.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	write(t, c, upgrade)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

func TestNoServerIsAReset(t *testing.T) {
	r := newRig(t)
	r.up.Close()
	c, err := net.Dial("tcp", r.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	write(t, c, upgrade)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}
