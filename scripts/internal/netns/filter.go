package netns

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// program is iptables. The older kernel interface is preferred: kernels without modules for the newer one are common in
// containers.
func program() (string, error) {
	for _, name := range []string{"iptables-legacy", "iptables"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: apt-get install iptables iproute2", ErrCannot)
}

// Lose loses a share of the TCP packets to and from a port, 0 < share <= 1, until undo is called. It works only after
// [Enter]. An error that the kernel has no such filter wraps [ErrCannot].
func Lose(port int, share float64) (undo func() error, err error) {
	if !entered.Load() {
		return nil, errors.New("lose packets: this process has no network namespace of its own")
	}
	var rules [][]string
	for _, side := range []string{"--sport", "--dport"} {
		// A packet on loopback passes INPUT once.
		rule := []string{"INPUT", "-p", "tcp", side, strconv.Itoa(port)}
		if share < 1 {
			rule = append(rule, "-m", "statistic", "--mode", "random", "--probability", strconv.FormatFloat(share, 'f', 6, 64))
		}
		rules = append(rules, append(rule, "-j", "DROP"))
	}
	var made [][]string
	undo = func() error {
		var errs []error
		for _, rule := range made {
			errs = append(errs, filter("-D", rule))
		}
		made = nil
		return errors.Join(errs...)
	}
	for _, rule := range rules {
		if err := filter("-A", rule); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %w", ErrCannot, err), undo())
		}
		made = append(made, rule)
	}
	return undo, nil
}

// Lost is how many packets filters have lost since they were made.
func Lost() (packets int, err error) {
	path, err := program()
	if err != nil {
		return 0, err
	}
	out, err := exec.Command(path, "-w", "-L", "INPUT", "-n", "-v", "-x").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", path, err, strings.TrimSpace(string(out)))
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == "DROP" {
			n, err := strconv.Atoi(f[0])
			if err != nil {
				return 0, fmt.Errorf("parse %s's answer %q: %w", path, line, err)
			}
			packets += n
		}
	}
	return packets, nil
}

func filter(do string, rule []string) error {
	path, err := program()
	if err != nil {
		return err
	}
	args := append([]string{"-w", do}, rule...)
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
