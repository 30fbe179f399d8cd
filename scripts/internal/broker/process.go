package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is one running JVM. Its done channel closes when it has ended.
type process struct {
	pid  int
	done chan struct{}
}

// format prepares the node's data directory, once in its life. Each user is a
// SCRAM credential as StorageTool takes it.
func (n node) format(ctx context.Context, java, libs string, users ...string) error {
	args := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-Dlog4j2.configurationFile=" + filepath.Join(n.dir, "log4j2.yaml"),
		"-cp", filepath.Join(libs, "*"), "kafka.tools.StorageTool",
		"format", "--standalone", "-t", clusterID(), "-c", n.properties()}
	for _, user := range users {
		args = append(args, "--add-scram", user)
	}
	cmd := exec.CommandContext(ctx, java, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(filepath.Join(n.dir, "data")) // half formatted would pass for formatted
		if strings.Contains(string(out), "UnsupportedClassVersionError") {
			return fmt.Errorf("format broker directory: this java is too old: %w", ErrNoJava)
		}
		return fmt.Errorf("format broker directory: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// launch starts the JVM. An attached one is killed by the kernel when this
// process dies, however it dies; a detached one has a session of its own.
func (n node) launch(java, libs string, attached bool) (*process, error) {
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open broker log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(java, "-Xms128m", "-Xmx768m", "-XX:+UseSerialGC",
		"-Dlog4j2.configurationFile="+filepath.Join(n.dir, "log4j2.yaml"),
		"-cp", filepath.Join(libs, "*"), "kafka.Kafka", n.properties())
	cmd.Dir = n.dir
	cmd.Stdout, cmd.Stderr = log, log
	if attached {
		// In a group of its own: Ctrl-C ends us, and we end it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal comes when the thread that forked ends, so that
		// thread is kept until the child has ended (prctl(2), PR_SET_PDEATHSIG).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			cmd.Wait() //nolint:errcheck // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start java: %w", err)
	}
	if err := os.WriteFile(n.pidFile(), fmt.Appendln(nil, p.pid), 0o644); err != nil {
		syscall.Kill(p.pid, syscall.SIGKILL) //nolint:errcheck // gone is as good
		<-p.done
		return nil, fmt.Errorf("write pid file: %w", err)
	}
	return p, nil
}

// end asks a process to end, and makes it after ten seconds. It works for a
// process of another parent too, so it looks instead of waiting.
func end(pid int) error {
	// A stopped process takes no SIGTERM.
	for _, sig := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
		if err := syscall.Kill(pid, sig); err != nil {
			return gone(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ended(pid) {
			return nil
		}
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return gone(err)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ended(pid) {
			return nil
		}
	}
	return fmt.Errorf("kill broker: process %d does not end", pid)
}

// ended: no such process, or only its entry, not yet waited for, is left.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// proc(5): pid (comm) state ...
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

func gone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return fmt.Errorf("signal broker: %w", err)
}
