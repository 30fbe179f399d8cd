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
	run, wait, err := RunWait(cmd.Process.Pid)
	if err != nil || run < 20*time.Millisecond || wait < 0 {
		t.Errorf("ran %v, waited %v, %v", run, wait, err)
	}
	if rss, err := RSS(cmd.Process.Pid); err != nil || rss < 1<<16 || rss > 1<<30 {
		t.Errorf("RSS is %d, %v", rss, err)
	}
	if n, err := Threads(cmd.Process.Pid); err != nil || n != 1 {
		t.Errorf("%d threads, %v", n, err)
	}
	ended()
	for what, err := range map[string]error{
		"CPU clock":    second(ProcessCPU(cmd.Process.Pid)),
		"memory":       second(RSS(cmd.Process.Pid)),
		"threads":      second(Threads(cmd.Process.Pid)),
		"run and wait": third(RunWait(cmd.Process.Pid)),
	} {
		if err == nil {
			t.Errorf("%s of a process that has ended was read", what)
		}
	}
}

// Of two busy processes on one core, each waits while the other runs.
func TestRunWait(t *testing.T) {
	allowed, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for range 2 {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		if err := RunPinned(allowed[:1], cmd.Start); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		pids = append(pids, cmd.Process.Pid)
	}
	time.Sleep(500 * time.Millisecond)
	for _, pid := range pids {
		run, wait, err := RunWait(pid)
		if err != nil || run == 0 || wait < 100*time.Millisecond {
			t.Errorf("ran %v and waited %v, %v", run, wait, err)
		}
		used, err := ProcessCPU(pid)
		if err != nil || used < run {
			t.Errorf("ran %v, its clock says %v, %v", run, used, err)
		}
	}
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }
