package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
	"github.com/adred-codev/ws_poc/ws-single/internal/logging"
	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

// The exit statuses. A supervisor must not restart what exits with 2: it will
// fail the same way again (systemd: RestartPreventExitStatus=2).
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// An invocation is what a command is given: its arguments, and the world.
type invocation struct {
	args    []string
	environ []string
	stdout  io.Writer
	stderr  io.Writer
	build   version.Info
	serve   serveFunc
}

// serveFunc carries messages until ctx is done. A *config.Error from it exits
// as any wrong setting does. It also logs cfg's warnings, but not before all that
// a start can fail by: then there is one line to read.
type serveFunc func(ctx context.Context, cfg *config.Config, log *slog.Logger, stdout io.Writer) error

// A command is a word of the command line, or two.
type command struct {
	name    string
	summary string
	run     func(context.Context, invocation) error
}

func commands() []command {
	return []command{
		{"serve", "carry messages until SIGTERM; the default", runServe},
		{"config check", "read and check the settings, start nothing", runConfigCheck},
		{"config print", "show every setting, its value and where it came from", runConfigPrint},
		{"healthcheck", "ask the running server whether it is alive, or ready", runHealthcheck},
		{"drain", "empty the running server and wait until it is gone", runDrain},
		{"version", "show what this binary is", runVersion},
	}
}

// usageError is a wrong command line, or a wrong setting that is not known by
// its name.
type usageError string

func (e usageError) Error() string { return string(e) }

// dispatch runs the command that args name, and returns the exit status. What
// went wrong is one line on stderr.
func dispatch(ctx context.Context, args, environ []string, stdout, stderr io.Writer, serve serveFunc) int {
	build, err := buildInfo()
	if err == nil {
		in := invocation{environ: environ, stdout: stdout, stderr: stderr, build: build, serve: serve}
		err = runCommand(ctx, in, args)
	}
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "%s: %v\n", version.Name, err)
	var wrong *config.Error
	var usage usageError
	if errors.As(err, &wrong) || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

func runCommand(ctx context.Context, in invocation, args []string) error {
	cmd, rest, err := find(args)
	if err != nil {
		return err
	}
	in.args = rest
	switch cmd.name {
	case "help":
		return writeHelp(in.stdout, in.build)
	case "config":
		return writeConfigHelp(in.stdout)
	}
	err = cmd.run(ctx, in)
	if errors.Is(err, flag.ErrHelp) {
		if cmd.name == "serve" {
			return writeHelp(in.stdout, in.build)
		}
		return writeCommandHelp(in.stdout, cmd)
	}
	return err
}

// find takes the command from the front of args; without one it is serve.
func find(args []string) (command, []string, error) {
	all := commands()
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return all[0], args, nil
	}
	if args[0] == "help" {
		if len(args) == 2 && args[1] == "config" {
			return command{name: "config"}, nil, nil
		}
		return command{name: "help"}, nil, nil
	}
	var names []string
	for _, c := range all {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], nil
		}
		names = append(names, c.name)
	}
	if args[0] == "config" && (len(args) == 1 || strings.HasPrefix(args[1], "-")) {
		for _, arg := range args[1:] {
			if slices.Contains([]string{"-h", "--h", "-help", "--help"}, arg) {
				return command{name: "config"}, nil, nil
			}
		}
		return command{}, nil, usageError("config: say what to do: config check or config print")
	}
	wrong := args[0]
	if wrong == "config" && len(args) > 1 && !strings.HasPrefix(args[1], "-") {
		wrong += " " + args[1]
	}
	return command{}, nil, usageError(fmt.Sprintf("unknown command %q: the commands are %s", wrong, strings.Join(names, ", ")))
}

// load reads the settings for a command whose own flags are in flags.
func (in invocation) load(flags *flag.FlagSet) (*config.Config, error) {
	return config.ThisHost(in.build.MaxConnections).Load(flags, in.args, in.environ)
}

// newFlags is an empty set for load; errors and help are dispatch's to write.
func newFlags() *flag.FlagSet { return flag.NewFlagSet("", flag.ContinueOnError) }

func runServe(ctx context.Context, in invocation) error {
	cfg, err := in.load(newFlags())
	if err != nil {
		return err
	}
	return in.serve(ctx, cfg, logging.New(in.stderr, cfg.LogLevel, cfg.LogFormat, in.environ), in.stdout)
}
