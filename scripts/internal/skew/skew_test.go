package skew

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain is also the process whose clock is set: it tells its clock, and how long that took by the monotonic one.
func TestMain(m *testing.M) {
	if os.Getenv("SKEW_TEST") == "" {
		os.Exit(m.Run())
	}
	began := time.Now()
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		fmt.Println(time.Now().UnixMilli(), time.Since(began).Milliseconds())
	}
}

func TestSkew(t *testing.T) {
	if !Supported {
		t.Skip("only amd64 is known")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SKEW_TEST=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	answers := bufio.NewScanner(out)
	reads := func(want time.Duration) {
		t.Helper()
		fmt.Fprintln(in)
		var wall, since int64
		if !answers.Scan() {
			t.Fatal("the process ended")
		}
		if _, err := fmt.Sscan(answers.Text(), &wall, &since); err != nil {
			t.Fatal(err)
		}
		if off := time.Until(time.UnixMilli(wall)) - want; off.Abs() > 10*time.Second {
			t.Errorf("its clock is %v from where it was set", off)
		}
		if since < 0 || since > time.Since(began).Milliseconds()+1 {
			t.Errorf("its monotonic clock says %d ms", since)
		}
	}
	reads(0)
	s, err := Take(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	reads(0)
	for _, by := range []time.Duration{time.Hour, -time.Hour, 0} {
		if err := s.Set(by); err != nil {
			t.Fatal(err)
		}
		reads(by)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := Take(cmd.Process.Pid); err == nil {
		t.Error("the clock of a process that has ended was taken")
	}
}
