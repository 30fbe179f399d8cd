package machine

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spin computes for about so much CPU time of the calling thread's process.
func spin(t *testing.T, d time.Duration) {
	t.Helper()
	began, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for {
		now, err := ProcessCPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now-began >= d {
			return
		}
	}
}

func TestProcessCPU(t *testing.T) {
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		t.Fatal(err)
	}
	began, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	spin(t, 100*time.Millisecond)
	used, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		t.Fatal(err)
	}
	used -= began
	want := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	if used > want || used < want-10*time.Millisecond {
		t.Errorf("used %v, getrusage says %v", used, want)
	}
}

// The clock of another process counts what threads used that have ended, and is finer than a tick.
func TestProcessCPUOfAnother(t *testing.T) {
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	defer ended()
	deadline := time.Now().Add(10 * time.Second)
	fine := false
	for !fine {
		used, err := ProcessCPU(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		fine = used > 20*time.Millisecond && used%(10*time.Millisecond) != 0
		if time.Now().After(deadline) {
			t.Fatalf("a busy process has used %v", used)
		}
	}
	if rss, err := RSS(cmd.Process.Pid); err != nil || rss < 1<<16 || rss > 1<<30 {
		t.Errorf("RSS is %d, %v", rss, err)
	}
	ended()
	for what, err := range map[string]error{
		"CPU clock": second(ProcessCPU(cmd.Process.Pid)),
		"memory":    second(RSS(cmd.Process.Pid)),
	} {
		if err == nil {
			t.Errorf("%s of a process that has ended was read", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }
