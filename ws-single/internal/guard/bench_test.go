package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func BenchmarkAdmit(b *testing.B) {
	g, err := New(Options{Cores: 1, Limits: Limits{
		Connections: 1000, ConnectionsPerAddr: 100, ConnectionsPerSub: 100,
		HandshakesPerSecond: 1e9, HandshakesPerAddr: 1e9,
	}})
	if err != nil {
		b.Fatal(err)
	}
	addr := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		slot, refusal := g.Admit(addr)
		if refusal != nil {
			b.Fatal(refusal.Reason)
		}
		slot.SetSubject("alice")
		slot.Release()
	}
}

// BenchmarkHandshakeCost is where HandshakeCost comes from: it upgrades on one
// Go thread, for a client in a process of its own, and reports this process's
// CPU time a handshake, with the close.
func BenchmarkHandshakeCost(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	up := websocket.Upgrader{ReadBufferSize: 512, WriteBufferPool: &sync.Pool{}, Subprotocols: []string{"ws.v1"}}
	var readers sync.WaitGroup
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		readers.Go(func() {
			_, _, _ = c.ReadMessage() // until the client is gone
			_ = c.Close()
		})
	})}
	served := make(chan error)
	go func() { served <- srv.Serve(l) }()

	client := exec.CommandContext(b.Context(), os.Args[0])
	client.Env = append(os.Environ(), clientEnv+"="+l.Addr().String()+" "+strconv.Itoa(b.N))
	client.Stderr = os.Stderr
	b.ResetTimer()
	before := cpuTime()
	if err := client.Run(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.StopTimer()
	if err := srv.Close(); err != nil {
		b.Fatal(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		b.Error(err)
	}
	readers.Wait()
}

const clientEnv = "GUARD_BENCH_CLIENT"

// benchClient opens and closes n connections, 20 at a time.
func benchClient(addr string, n int) error {
	turns := make(chan struct{}, n)
	for range n {
		turns <- struct{}{}
	}
	close(turns)
	failed := make(chan error, 20)
	for range 20 {
		go func() {
			for range turns {
				if err := handshake(addr); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range 20 {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

func handshake(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Origin: http://example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0 Safari/537.36\r\n"+
		"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ws.v1\r\n\r\n")
	if err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
