package change

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Passes adds the condition that a command passes, run at the top. It is not run where a condition before it does not hold: it
// takes minutes. out gets what it prints; nil: nobody. The error is ctx's, or nil.
func (c *Change) Passes(ctx context.Context, out io.Writer, command ...string) error {
	called := strings.Join(command, " ")
	if c.List.Unmet() > 0 {
		c.List.Open("%s was not run: it takes minutes, and not all of the above holds", called)
		return nil
	}
	cmd := c.command(ctx, command)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", called, ctx.Err())
	case err != nil:
		c.List.Fails("%s failed: %v; what it says is above", called, err)
	default:
		c.List.Holds("%s passes", called)
	}
	return nil
}

// Agrees adds the condition that a command passes that is done in no time. What it prints is why not: then what says so stands
// before it. The error is ctx's, or nil.
func (c *Change) Agrees(ctx context.Context, holds, fails string, command ...string) error {
	said, err := c.command(ctx, command).CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", strings.Join(command, " "), ctx.Err())
	case err != nil:
		why := strings.TrimSpace(string(said))
		if why == "" {
			why = err.Error()
		}
		c.List.Fails("%s:\n%s", fails, why)
	default:
		c.List.Holds("%s", holds)
	}
	return nil
}

func (c *Change) command(ctx context.Context, command []string) *exec.Cmd {
	program := command[0]
	if strings.ContainsRune(program, filepath.Separator) && !filepath.IsAbs(program) {
		program = filepath.Join(c.repo.Root, program)
	}
	cmd := exec.CommandContext(ctx, program, command[1:]...)
	cmd.Dir = c.repo.Root
	// Tests have servers and brokers to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// Tests is the command that tests parts of the repository, and the copies of the kit.
func Tests(parts ...string) []string {
	return append(append([]string{filepath.Join("scripts", "test")}, parts...), "kit-copies")
}
