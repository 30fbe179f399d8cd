package broker

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// One broker through its whole life: starting costs seconds.
func TestBroker(t *testing.T) {
	b, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop() //nolint:errcheck // asserted below; this one is for failures
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	topics := func() map[string]int {
		t.Helper()
		found, err := Topics(t.Context(), b.Addr())
		check(err)
		return found
	}
	check(b.CreateTopics(t.Context(), 3, "a.trade", "b.trade"))
	check(b.CreateTopics(t.Context(), 5, "a.trade", "c.trade")) // an existing one stays
	if got := topics(); got["a.trade"] != 3 || got["b.trade"] != 3 || got["c.trade"] != 5 {
		t.Fatalf("topics: %v", got)
	}
	check(b.AddPartitions(t.Context(), "b.trade", 4))
	check(b.DeleteTopic(t.Context(), "c.trade"))
	check(b.DeleteRecords(t.Context(), "a.trade", 0, 0))
	if got := topics(); got["b.trade"] != 4 || got["c.trade"] != 0 {
		t.Fatalf("topics: %v", got)
	}

	if found, err := Find(b.Dir()); err != nil || found == nil || found.PID() != b.PID() {
		t.Fatalf("Find: %+v, %v", found, err)
	}
	check(b.Freeze())
	if state := processState(t, b.PID()); state != 'T' {
		t.Fatalf("frozen broker in state %c", state)
	}
	check(b.Thaw())

	addr := b.Addr()
	check(b.Kill())
	if _, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		t.Fatal("killed broker still listens")
	}
	if found, err := Find(b.Dir()); err != nil || found != nil {
		t.Fatalf("Find after Kill: %+v, %v", found, err)
	}
	check(b.Restart(t.Context()))
	if b.Addr() != addr || topics()["b.trade"] != 4 {
		t.Fatalf("after restart: %s, %v", b.Addr(), topics())
	}
	dir := b.Dir()
	check(b.Stop())
	if isDir(dir) {
		t.Fatal("temporary directory still there after Stop")
	}
}

func TestDetached(t *testing.T) {
	dir := t.TempDir()
	b, err := StartDetached(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Kill() //nolint:errcheck // asserted below; this one is for failures
	again, err := StartDetached(t.Context(), Options{Dir: dir})
	if err != nil || again.PID() != b.PID() || again.Addr() != b.Addr() {
		t.Fatalf("second start: %+v, %v", again, err)
	}
	if err := b.CreateTopics(t.Context(), 2, "kept"); err != nil {
		t.Fatal(err)
	}
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}
	// Another port the next time, the same data.
	b, err = StartDetached(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Kill() //nolint:errcheck // as above
	if got, err := Topics(t.Context(), b.Addr()); err != nil || got["kept"] != 2 {
		t.Fatalf("topics after the second start: %v, %v", got, err)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(t.Context(), Options{Port: l.Addr().(*net.TCPAddr).Port})
	if !errors.Is(err, ErrPortBusy) {
		t.Fatalf("start on a busy port: %v", err)
	}
}

func TestMissingTools(t *testing.T) {
	empty := t.TempDir()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Fatal(err)
	}
	onlyJava := t.TempDir()
	if err := os.Symlink(java, filepath.Join(onlyJava, "java")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"no java", empty, ErrNoJava},
		{"no maven and nothing cached", onlyJava, ErrNoMaven},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			if _, err := Start(t.Context(), Options{}); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestStalePID(t *testing.T) {
	n := node{dir: t.TempDir(), port: 1, controller: 2}
	if err := n.write(); err != nil {
		t.Fatal(err)
	}
	// The first process: alive, and no broker.
	if err := os.WriteFile(n.pidFile(), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := Find(n.dir); err != nil || b != nil {
		t.Fatalf("Find took a stranger for the broker: %+v, %v", b, err)
	}
	if back, err := readNode(n.dir); err != nil || back != n {
		t.Fatalf("read back %+v, %v; wrote %+v", back, err, n)
	}
}

func processState(t *testing.T, pid int) byte {
	t.Helper()
	// The stop takes effect when the process is next scheduled.
	for range 100 {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			t.Fatal(err)
		}
		if state := stat[bytes.Index(stat, []byte(") "))+2]; state == 'T' {
			return state
		}
		time.Sleep(10 * time.Millisecond)
	}
	return '?'
}
