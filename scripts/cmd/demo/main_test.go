package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
	"go.uber.org/goleak"
)

// TestMain is also a server that behaves as the environment says, for the tests of instances and fleets.
func TestMain(m *testing.M) {
	if behave := os.Getenv("DEMO_TEST_SERVER"); behave != "" {
		pretendServer(behave)
		return
	}
	goleak.VerifyTestMain(m)
}

func pretendServer(behave string) {
	ready := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM)
	switch behave {
	case "crash":
		println("a setting is wrong")
		os.Exit(2)
	case "never ready":
	default:
		close(ready)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-ready:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	var scrapes atomic.Int64 // each finds 100 messages more, of which 98 took at most 1 ms and 2 at most 2 ms
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		fmt.Fprintf(w, pretendMetrics, 1e6+100*n, 98*n, 100*n, 100*n, 100*n)
	})
	mux.HandleFunc("POST /drain", func(http.ResponseWriter, *http.Request) { signals <- syscall.SIGTERM })
	mux.HandleFunc("POST /die", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	for _, name := range []string{"WS_ADDR", "WS_ADMIN_ADDR"} {
		l, err := net.Listen("tcp", os.Getenv(name))
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
		go func() { _ = http.Serve(l, mux) }()
	}
	for range signals {
		if behave != "stubborn" {
			os.Exit(0)
		}
	}
}

const pretendMetrics = `# TYPE ws_build_info gauge
ws_build_info{architecture="pretended",commit="abc",version="v9"} 1
# TYPE ws_connections gauge
ws_connections 3
# TYPE ws_messages_sent_total counter
ws_messages_sent_total %d
# TYPE ws_delivery_latency_seconds histogram
ws_delivery_latency_seconds_bucket{le="0.001"} %d
ws_delivery_latency_seconds_bucket{le="0.002"} %d
ws_delivery_latency_seconds_bucket{le="+Inf"} %d
ws_delivery_latency_seconds_sum 1
ws_delivery_latency_seconds_count %d
`

func TestParse(t *testing.T) {
	o, err := parse([]string{"--port", "9000", "--rate", "50", "--open=false", "--symbols", "5"}, nil)
	if err != nil || o.port != 9000 || !o.portAsked || o.rate != 50 || o.open || o.symbols != 5 {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parse(nil, nil)
	if err != nil || o.port != 8080 || o.portAsked || o.host != "127.0.0.1" || !o.open {
		t.Errorf("defaults %+v, %v", o, err)
	}
	for args, want := range map[string]string{
		"--rate 0":      "--rate 0: must be above 0",
		"--rate 1e6":    "at most 5000",
		"--port 70000":  "--port 70000: must be 0 to 65535",
		"--symbols 0":   "--symbols 0: must be 1 to 1000",
		"--duration -1": "-duration",
		"--fast":        "not defined: -fast",
		"please":        `unexpected "please"`,
	} {
		_, err := parse(strings.Fields(args), nil)
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", args, err, want)
		}
	}
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-duration") {
		t.Errorf("%v, help %q", err, help.String())
	}
}

func TestListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	if _, err := listen("127.0.0.1", port, true); err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(port)+" is busy") {
		t.Errorf("a busy port that was asked for: %v", err)
	}
	l, err := listen("127.0.0.1", port, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := l.Addr().(*net.TCPAddr).Port; got <= port || got > port+triedPorts {
		t.Errorf("port %d in the place of %d", got, port)
	}
	if _, err := listen("192.0.2.1", 8080, false); err == nil || !strings.Contains(err.Error(), "open the page's address") {
		t.Errorf("an address of another machine: %v", err)
	}
}

func TestServerFlag(t *testing.T) {
	t.Setenv("CALLER_DIR", "/home/me")
	o, err := parse([]string{"--server", "bin/ws", "--server", "new=/opt/ws", "--server", "/a=b/old"}, nil)
	want := []program{{"ws", "/home/me/bin/ws"}, {"new", "/opt/ws"}, {"old", "/a=b/old"}}
	if err != nil || !slices.Equal(o.servers, want) {
		t.Errorf("%v, %v; want %v, from the caller's directory", o.servers, err, want)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	there := []program{{"ws", self}}
	if list, err := programs(t.Context(), there, nil); err != nil || !slices.Equal(list, there) {
		t.Errorf("%v, %v; want them as they were named", list, err)
	}
	for _, binary := range []string{"/home/me/bin/ws", t.TempDir(), "main_test.go"} {
		if _, err := programs(t.Context(), []program{{"ws", binary}}, nil); err == nil || !strings.Contains(err.Error(), binary+" is no program") {
			t.Errorf("%s: %v", binary, err)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"bin/ws other/ws", "two servers are called ws"},
		{"new=", "names no binary"},
		{"a&b=bin/ws", "is not a name"},
		{"=bin/ws", "is not a name"},
	} {
		var args []string
		for _, s := range strings.Fields(c.args) {
			args = append(args, "--server", s)
		}
		if _, err := parse(args, nil); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", c.args, err, c.want)
		}
	}
}

// Without --server the demo shows every variant there is, under its own name.
func TestAllVariantsAreShown(t *testing.T) {
	variants, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	list, err := programs(t.Context(), nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(variants) {
		t.Fatalf("%v, want one of each of %v", list, variants)
	}
	for i, v := range variants {
		if list[i].name != v.Name {
			t.Errorf("the name of %s is %s", v.Name, list[i].name)
		}
		if out, err := exec.CommandContext(t.Context(), list[i].binary, "version").Output(); err != nil || !strings.Contains(string(out), v.Name) {
			t.Errorf("%s says %q, %v: not %s", list[i].binary, out, err, v.Name)
		}
	}
	t.Chdir(t.TempDir())
	if _, err := programs(t.Context(), nil, io.Discard); err == nil || !strings.Contains(err.Error(), "start the demo with scripts/demo") {
		t.Errorf("outside of the repository: %v", err)
	}
}

func TestSettings(t *testing.T) {
	loopback := settings(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, "b:1")
	if all := strings.Join(loopback, " "); !strings.Contains(all, "WS_ALLOWED_ORIGINS=http://127.0.0.1:8080,http://localhost:8080") ||
		!strings.Contains(all, "KAFKA_BROKERS=b:1") {
		t.Errorf("settings %s", all)
	}
	// Everywhere else the page's own host is the origin that is right.
	if all := strings.Join(settings(&net.TCPAddr{IP: net.IPv4zero, Port: 8080}, "b:1"), " "); strings.Contains(all, "ORIGINS") {
		t.Errorf("settings %s", all)
	}
}
