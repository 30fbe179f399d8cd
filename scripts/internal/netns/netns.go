package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrCannot is wrapped by errors that say why the machine cannot do this, and what to do about it.
var ErrCannot = errors.New("a network namespace with a packet filter cannot be had")

// Check says whether it can be had here.
func Check() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: run as root", ErrCannot)
	}
	_, err := program()
	return err
}

// Enclose has cmd run in a namespace of its own when it is started. The process must call [Enter].
func Enclose(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
}

var entered atomic.Bool

// Enter is what a process does first that was started by [Enclose]: a new namespace's loopback is down. It refuses in
// the namespace of its parent, where a filter would harm others.
func Enter() error {
	if err := differs(); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	defer unix.Close(s) // nothing was written to it
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK)
		err = unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
	}
	if err != nil {
		return fmt.Errorf("bring up loopback: %w", err)
	}
	entered.Store(true)
	return nil
}

// differs is nil in a namespace that is not the parent's.
func differs() error {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	parent, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", os.Getppid()))
	if err != nil {
		return err
	}
	if own == parent {
		return errors.New("it is the parent's")
	}
	return nil
}
