package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := 1
	if root, err := findRoot(); err != nil {
		fmt.Fprintln(os.Stderr, "kit:", err)
	} else {
		code = run(ctx, root, os.Args[1:], os.Stdout, os.Stderr)
	}
	stop()
	os.Exit(code)
}

// A command is a sub-command. Its run gets what follows its name.
type command struct {
	name, summary, help string
	run                 func(ctx context.Context, root string, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"vendor", "copy kit/ into the variants' internal/kit", vendorHelp, runVendor},
		{"check", "say what is wrong with the copies", checkHelp, runCheck},
		{"release", "give kit/ a version: a commit and a tag", releaseHelp, runRelease},
	}
}

// errUsage is for a call that cannot be understood: exit code 2.
var errUsage = errors.New("wrong use")

// errFound is for a check that printed what it found: exit code 1, nothing more
// to say.
var errFound = errors.New("check failed")

// run does one call and gives its exit code: 0, 1 for a failure, 2 for wrong
// use. root is the repository.
func run(ctx context.Context, root string, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, overview())
		return 2
	}
	if isHelp(args[0]) || args[0] == "help" {
		fmt.Fprint(stdout, overview())
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		for _, arg := range args[1:] {
			if isHelp(arg) {
				fmt.Fprint(stdout, c.help)
				return 0
			}
		}
		err := c.run(ctx, root, args[1:], stdout)
		switch {
		case err == nil:
			return 0
		case errors.Is(err, errFound):
			return 1
		case errors.Is(err, errUsage):
			fmt.Fprintf(stderr, "kit %s: %v\n\n%s", c.name, err, c.help)
			return 2
		}
		fmt.Fprintf(stderr, "kit %s: %v\n", c.name, err)
		return 1
	}
	fmt.Fprintf(stderr, "kit: there is no command %q\n\n%s", args[0], overview())
	return 2
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func overview() string {
	var b strings.Builder
	b.WriteString("usage: scripts/kit <command> [options]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-8s %s\n", c.name, c.summary)
	}
	b.WriteString("\nexample, after a change in kit/:\n\n  scripts/kit vendor && scripts/kit check\n\n" +
		"scripts/kit <command> --help says more.\n")
	return b.String()
}

// findRoot is the nearest folder upward that holds kit/VERSION.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "kit", "VERSION")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the repository: no kit/VERSION here or above: call scripts/kit from a clone")
		}
		dir = parent
	}
}
