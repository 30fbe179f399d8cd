package fault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// link is a TCP link through toxiproxy, which is a process of its own: its goroutines outlive what it cuts, and its work is
// not the clients'.
type link struct {
	Addr  string // where to connect to
	t     *T
	to    string
	proxy *toxiproxy.Proxy
	kill  func()
	added []string // toxics
}

// toxiproxyServer is the program, built once.
var toxiproxyServer = sync.OnceValues(func() (string, error) {
	dir, err := variant.BinDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "toxiproxy-server")
	cmd := exec.Command("go", "build", "-o", path, "github.com/Shopify/toxiproxy/v2/cmd/server")
	cmd.Dir = filepath.Dir(dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build toxiproxy: %w\n%s", err, out)
	}
	return path, nil
})

// link makes a link from an address on which nothing listens yet, or from a free one, to another.
func (t *T) link(from, to string) *link {
	if from == "" {
		from = t.freeAddr()
	}
	l := &link{Addr: from, t: t, to: to}
	l.start()
	return l
}

// start starts toxiproxy, without toxics.
func (l *link) start() {
	t := l.t
	path, err := toxiproxyServer()
	if err != nil {
		t.Fatal(err)
	}
	api := t.freeAddr()
	host, port, err := net.SplitHostPort(api)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-host", host, "-port", port)
	cmd.Env = append(os.Environ(), "LOG_LEVEL=warn")
	var said bytes.Buffer // read after its end
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		// The death signal comes when the thread that forked ends, so that thread is kept until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start toxiproxy: %v", err)
	}
	l.kill = func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
	}
	t.Cleanup(func() {
		l.kill()
		if t.Failed() && said.Len() > 0 {
			t.Logf("toxiproxy said:\n%s", said.String())
		}
	})
	client := toxiproxy.NewClient(api)
	stage.Eventually(t, "toxiproxy to answer", func() bool {
		_, err := client.Proxies()
		return err == nil
	})
	if l.proxy, err = client.CreateProxy("link", l.Addr, l.to); err != nil {
		t.Fatalf("make a proxy: %v", err)
	}
}

// ws is the WebSocket endpoint of a server behind the link.
func (l *link) ws() string { return "ws://" + l.Addr + "/ws" }

// add adds a toxic to both directions: what becomes of each one's bytes.
func (l *link) add(kind string, attributes toxiproxy.Attributes) {
	for _, stream := range []string{"upstream", "downstream"} {
		l.addTo(stream, kind, attributes)
	}
}

// addTo adds it to one, upstream or downstream.
func (l *link) addTo(stream, kind string, attributes toxiproxy.Attributes) {
	toxic, err := l.proxy.AddToxic("", kind, stream, 1, attributes)
	if err != nil {
		l.t.Fatalf("add toxic %s: %v", kind, err)
	}
	l.added = append(l.added, toxic.Name)
}

// heal takes all toxics away.
func (l *link) heal() {
	for _, name := range l.added {
		if err := l.proxy.RemoveToxic(name); err != nil {
			l.t.Fatalf("remove toxic %s: %v", name, err)
		}
	}
	l.added = nil
}

// replace takes all toxics away with every connection that had them: bytes that a toxic swallowed make a connection
// useless. Toxiproxy is started anew, since it may end by a panic, or hang, when it takes a toxic off a connection that ends.
func (l *link) replace() {
	l.kill()
	l.added = nil
	l.start()
}

// cut ends every connection of the link, and takes none until join.
func (l *link) cut() {
	if err := l.proxy.Disable(); err != nil {
		l.t.Fatalf("cut the link: %v", err)
	}
}

// join undoes cut.
func (l *link) join() {
	if err := l.proxy.Enable(); err != nil {
		l.t.Fatalf("join the link: %v", err)
	}
}

// packet is how many bytes the packets of a server's answers have that come by the link, on the mean of n answers: the kernel
// counts them on the client's side.
func (l *link) packet(n int) float64 {
	t := l.t
	var bytes, packets uint64
	for range n {
		conn, err := net.Dial("tcp", l.Addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(stage.Patience)) // a TCP connection has deadlines
		_, err = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: "+l.to+"\r\nConnection: close\r\n\r\n")
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		var info *unix.TCPInfo
		if raw, rawErr := conn.(*net.TCPConn).SyscallConn(); err == nil && rawErr == nil {
			rawErr = raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
			err = errors.Join(err, rawErr)
		}
		conn.Close()
		if err != nil || info == nil {
			t.Fatalf("ask by the link: %v", err)
		}
		bytes, packets = bytes+info.Bytes_received, packets+uint64(info.Data_segs_in)
	}
	return float64(bytes) / float64(max(packets, 1))
}

// brokerBehind starts a broker for the fault alone, which a server reaches by the link, and others by the broker's Addr.
func (t *T) brokerBehind() (*broker.Broker, *link) {
	addr := t.freeAddr()
	b := t.BrokerWith(broker.Options{Second: &broker.Second{Advertised: addr}})
	return b, t.link(addr, b.SecondAddr())
}

func (t *T) freeAddr() string {
	addr, err := variant.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func portOf(t *T, addr string) int {
	_, text, err := net.SplitHostPort(addr)
	port, convErr := strconv.Atoi(text)
	if err := errors.Join(err, convErr); err != nil {
		t.Fatal(err)
	}
	return port
}
