package machine

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseCores(t *testing.T) {
	const text = `cpu  300 0 30 1000 10 0 6 4 0 0
cpu0 100 5 10 800 10 1 2 4 50 0
cpu12 200 0 20 200 0 0 4 0 0 0
intr 12 0
`
	tick := 10 * time.Millisecond
	got, err := parseCores([]byte(text))
	want := Cores{
		0:  {Busy: 118 * tick, Steal: 4 * tick, Total: 932 * tick},
		12: {Busy: 224 * tick, Total: 424 * tick},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "cpu0 1 2", "cpu0 1 2 3 4 5 6 7 x", "cpux 1 2 3 4 5 6 7 8"} {
		if got, err := parseCores([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func TestBetween(t *testing.T) {
	from := Cores{0: {Busy: 10, Steal: 1, Total: 100}, 1: {Busy: 5, Total: 100}}
	to := Cores{0: {Busy: 60, Steal: 11, Total: 200}, 1: {Busy: 5, Total: 200}}
	for _, test := range []struct {
		cpus        []int
		busy, steal float64
	}{{[]int{0}, 0.5, 0.1}, {[]int{1}, 0, 0}, {[]int{0, 1}, 0.25, 0.05}, {nil, 0, 0}, {[]int{7}, 0, 0}} {
		if busy, steal := Between(from, to, test.cpus); busy != test.busy || steal != test.steal {
			t.Errorf("cores %v: got %v, %v, want %v, %v", test.cpus, busy, steal, test.busy, test.steal)
		}
	}
}

// What computes on a core is in that core's time.
func TestReadCores(t *testing.T) {
	allowed, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	core := allowed[len(allowed)-1:]
	from, err := ReadCores()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := RunPinned(core, func() error {
		for time.Since(began) < 300*time.Millisecond {
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	to, err := ReadCores()
	if err != nil {
		t.Fatal(err)
	}
	if busy, steal := Between(from, to, core); busy < 0.5 || busy > 1 || steal < 0 || busy+steal > 1 {
		t.Errorf("core %v was busy for %v, %v were taken", core, busy, steal)
	}
}

func TestRunPinned(t *testing.T) {
	allowed, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	last := allowed[len(allowed)-1:]
	failed := errors.New("failed")
	err = RunPinned(last, func() error {
		if got, err := Allowed(); err != nil || !slices.Equal(got, last) {
			t.Errorf("runs on %v, %v, want %v", got, err, last)
		}
		// A process that it starts is kept there, too.
		out, err := exec.Command("grep", "Cpus_allowed_list", "/proc/self/status").Output()
		if want := fmt.Sprintf("Cpus_allowed_list:\t%d\n", last[0]); err != nil || string(out) != want {
			t.Errorf("a child says %q, %v, want %q", out, err, want)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if got, err := Allowed(); err != nil || !slices.Equal(got, allowed) {
		t.Errorf("the caller runs on %v, %v, want %v", got, err, allowed)
	}
	for _, cpus := range [][]int{nil, {-1}, {1 << 20}, {1000}} {
		if err := RunPinned(cpus, func() error { return nil }); err == nil {
			t.Errorf("ran on cores %v", cpus)
		}
	}
}

// All threads of a process are moved, and those that it starts later.
func TestPin(t *testing.T) {
	if os.Getenv("MACHINE_TEST_PIN") != "" {
		pinned(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPin$", "-test.v")
	cmd.Env = append(os.Environ(), "MACHINE_TEST_PIN=1")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func pinned(t *testing.T) {
	allowed, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	last := allowed[len(allowed)-1:]
	for _, pid := range []int{0, os.Getpid()} {
		if err := Pin(pid, last); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			got := make(chan []int)
			go func() {
				runtime.LockOSThread() // until the end, so that each has a thread of its own
				cpus, err := Allowed()
				if err != nil {
					t.Error(err)
				}
				got <- cpus
			}()
			if cpus := <-got; !slices.Equal(cpus, last) {
				t.Errorf("a thread runs on %v, want %v", cpus, last)
			}
		}
		if err := Pin(pid, allowed); err != nil {
			t.Fatal(err)
		}
	}
	if err := Pin(1<<22, last); err == nil {
		t.Error("a process that is not there was moved")
	}
	if err := Pin(0, nil); err == nil {
		t.Error("moved to no core")
	}
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		allowed []int
		n       int
		server  []int
		load    []int
		err     string
	}{
		{allowed: []int{0, 1}, server: []int{0}, load: []int{1}},
		{allowed: []int{2, 5, 7}, server: []int{2}, load: []int{5, 7}},
		{allowed: []int{0, 1, 2, 3}, server: []int{0, 1}, load: []int{2, 3}},
		{allowed: []int{0, 1, 2, 3}, n: 1, server: []int{0}, load: []int{1, 2, 3}},
		{allowed: []int{3}, err: "there is one, [3], "},
		{allowed: []int{0, 1}, n: 2, err: "leave none for the load: allowed are 1 to 1"},
		{allowed: []int{0, 1}, n: -1, err: "allowed are 1 to 1"},
	} {
		server, load, err := split(test.allowed, test.n)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v, %d: got %v, want %s", test.allowed, test.n, err, test.err)
			}
			continue
		}
		if err != nil || !slices.Equal(server, test.server) || !slices.Equal(load, test.load) {
			t.Errorf("%v, %d: got %v, %v, %v", test.allowed, test.n, server, load, err)
		}
		if extended := append(server, 99); !slices.Equal(load, test.load) {
			t.Errorf("appending to one, %v, changed the other, %v", extended, load)
		}
	}
	if server, load, err := Split(0); runtime.NumCPU() > 1 && (err != nil || len(server) == 0 || len(load) == 0) {
		t.Errorf("got %v, %v, %v", server, load, err)
	}
}

// Connections cost the kernel a few kilobytes each, what nobody has read more.
func TestSockets(t *testing.T) {
	var each int64
	for range 5 { // others on the machine have sockets too
		if each = socketsPerConnection(t); each > 64<<10 && each < 1<<20 {
			return
		}
	}
	t.Errorf("a connection takes %d bytes of %s", each, SocketsMeaning())
}

// socketsPerConnection is what connections take that hold 100 KiB each.
func socketsPerConnection(t *testing.T) int64 {
	t.Helper()
	const connections = 300
	before, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	unread := bytes.Repeat([]byte{0}, 100<<10)
	for range connections {
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, client, server)
		if _, err := server.Write(unread); err != nil {
			t.Fatal(err)
		}
	}
	after, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	return (after - before) / connections
}

func TestSumSlabs(t *testing.T) {
	const text = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
TCP                   66    117   2368   13    8 : tunables    0    0    0 : slabdata      9      9      0
filp                1260   1260    192   21    1 : tunables    0    0    0 : slabdata     60     60      0
dentry            132255 132342    192   21    1 : tunables    0    0    0 : slabdata   6302   6302      0
`
	if got, err := sumSlabs([]byte(text), SlabsOfSockets); err != nil || got != int64(9*8+60)*int64(os.Getpagesize()) {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "dentry 1", strings.Replace(text, "    9      9 ", "    9      x ", 1)} {
		if got, err := sumSlabs([]byte(bad), SlabsOfSockets); err == nil {
			t.Errorf("%q was read as %d", bad, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	h, err := Describe()
	if err != nil {
		t.Fatal(err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	if h.CPU == "" || h.CPUs < runtime.NumCPU() || h.MemoryBytes != int64(info.Totalram)*int64(info.Unit) || h.Somaxconn < 1 || h.OpenFiles < 256 {
		t.Errorf("got %+v", h)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil || strings.TrimSpace(string(kernel)) != h.Kernel {
		t.Errorf("the kernel is %q, want %q, %v", h.Kernel, kernel, err)
	}
	if h.Fingerprint != "" {
		t.Errorf("the fingerprint is %s", h.Fingerprint)
	}
	if free, err := MemAvailable(); err != nil || free <= 0 || free > h.MemoryBytes {
		t.Errorf("%d bytes are available of %d, %v", free, h.MemoryBytes, err)
	}
	if _, err := meminfo("Nothing"); err == nil {
		t.Error("a line was read that is not there")
	}
}
