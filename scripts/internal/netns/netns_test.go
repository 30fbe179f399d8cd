package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// inside is set for the process that TestLose starts.
const inside = "NETNS_TEST_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		if err := lose(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestLose(t *testing.T) {
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), inside+"=1")
	Enclose(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// lose looks at a connection in a namespace: with all lost nothing arrives, with a tenth it arrives all the same, and without a
// filter all goes on.
func lose() error {
	if err := Enter(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	here, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	there, err := l.Accept()
	if err != nil {
		return err
	}
	arrives := func(patience time.Duration) error {
		if _, err := here.Write([]byte{1}); err != nil {
			return err
		}
		if err := there.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		_, err := there.Read(make([]byte, 100))
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	undo, err := Lose(port, 1)
	if err != nil {
		return err
	}
	if err := arrives(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.Join(errors.New("with all lost it arrives, or fails otherwise"), err)
	}
	if err := counts(1, 10); err != nil {
		return err
	}
	if err := undo(); err != nil {
		return err
	}
	if err := arrives(5 * time.Second); err != nil {
		return fmt.Errorf("after: %w", err)
	}
	if undo, err = Lose(port, 0.1); err != nil {
		return err
	}
	for range 100 {
		if err := arrives(10 * time.Second); err != nil {
			return fmt.Errorf("with a tenth lost: %w", err)
		}
	}
	return errors.Join(counts(1, 100), undo())
}

func counts(least, most int) error {
	n, err := Lost()
	if err == nil && (n < least || n > most) {
		err = fmt.Errorf("%d packets were lost, want %d to %d", n, least, most)
	}
	return err
}

// Outside of a namespace of its own nobody may lose packets.
func TestOnlyInside(t *testing.T) {
	if _, err := Lose(1, 1); err == nil {
		t.Error("packets of everybody's network are lost")
	}
	if err := Enter(); err == nil {
		t.Error("the parent's network was entered")
	}
}
