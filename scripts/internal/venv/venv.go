// Package venv makes Python's virtual environments, for tests that run a program written in Python.
//
// An environment is kept by the content of its requirements file. Any number of goroutines and processes may ask for the
// same one at once: one makes it, the others wait. Nothing runs when a function returns.
package venv

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/lock"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Dir is where this repository's environments are kept; git ignores it.
func Dir() (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "scripts", ".cache"), nil
}

// Make is the folder of programs of an environment, below dir, that has what is pinned in a requirements file. One that
// is whole is taken as it is, and any other made anew: it takes some seconds, and the registry where pip finds packages.
func Make(ctx context.Context, dir, requirements string) (bin string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make virtual environment: %w", err)
		}
	}()
	content, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	env := filepath.Join(dir, fmt.Sprintf("venv-%x", sha256.Sum256(content))[:17])
	bin, whole := filepath.Join(env, "bin"), filepath.Join(env, "complete")
	// Beside the folder: --clear empties that, under whoever is making it.
	unlock, err := lock.Wait(env + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(whole); err == nil {
		return bin, nil
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", env},
		{filepath.Join(bin, "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements},
	} {
		if out, err := command(ctx, step...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w\n%s", err, out)
		}
	}
	return bin, os.WriteFile(whole, nil, 0o644)
}

// command is a program whose children end with it.
func command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
