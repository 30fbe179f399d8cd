package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
	"github.com/adred-codev/ws_poc/ws-multi/internal/logging"
	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

// What the process exits with. statusWrong is final: the same command line and
// settings cannot work later either, so nobody should start it again.
const (
	statusDone   = 0
	statusFailed = 1
	statusWrong  = 2
)

// A serveFunc serves until ctx ends. A *config.Error or misuse of it exits as a
// wrong setting. It logs cfg's warnings itself, when it knows that it can serve:
// what cannot be is one line.
type serveFunc func(ctx context.Context, cfg *config.Config, log *slog.Logger) error

// A cli is one run of the program: all it has of the world around it.
type cli struct {
	environ        []string
	stdout, stderr io.Writer
	serve          serveFunc
	build          version.Info
}

// A command is one the program knows.
type command struct {
	name string // a word, or two
	does string
	// prepare makes the command's own flags, and what runs it when they are set.
	prepare func(*cli) ([]config.Flag, action)
	note    string // what its own help says besides
	// bare commands have no settings: they work where the settings are wrong.
	bare bool
}

// An action runs a command; cfg is nil for a bare one.
type action func(ctx context.Context, cfg *config.Config) error

var serveCommand = command{name: "serve", does: "serve clients until SIGTERM; what is done without a command", prepare: serving}

// commands are in the order of the help.
func commands() []command {
	return []command{
		serveCommand,
		{name: "config check", does: "look whether the settings can be, librdkafka's too", prepare: checkingConfig},
		{name: "config print", does: "list the settings in force and where each was set", prepare: printingConfig},
		{name: "healthcheck", does: "ask the server on this host whether it lives", prepare: checkingHealth},
		{name: "drain", does: "have the server on this host send its clients away, and wait", prepare: draining,
			note: "It exits with 1 where nothing listens, and when the time is over first."},
		{name: "version", does: "say what this binary is", prepare: showingVersion, bare: true},
	}
}

// half is the first word of the commands that have two.
const half = "config"

// isHalf reports whether args have the first of two words and not the second.
func isHalf(args []string) bool {
	return len(args) > 0 && args[0] == half && (len(args) == 1 || strings.HasPrefix(args[1], "-"))
}

// misuse is a wrong command line, or a setting that is wrong in a way that has
// no name.
type misuse string

func (m misuse) Error() string { return string(m) }

// run runs what args ask for, and returns the exit status. An error is one line
// on stderr.
func (p *cli) run(ctx context.Context, args []string) int {
	err := p.do(ctx, args)
	if err == nil {
		return statusDone
	}
	_, _ = fmt.Fprintf(p.stderr, "%s: %v\n", version.Name, err)
	var setting *config.Error
	var line misuse
	if errors.As(err, &setting) || errors.As(err, &line) {
		return statusWrong
	}
	return statusFailed
}

func (p *cli) do(ctx context.Context, args []string) (err error) {
	if p.build, err = thisBuild(); err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "help" {
		return p.help(args[1:])
	}
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	if isHalf(args) && slices.ContainsFunc(args, config.IsHelp) {
		return p.halfHelp()
	}
	cmd, rest, err := pick(args)
	if err != nil {
		return err
	}
	own, act := cmd.prepare(p)
	var cfg *config.Config
	if cmd.bare {
		err = config.ParseFlags(rest, own...)
	} else {
		cfg, err = config.Load(config.ThisHost(p.build.MaxConnections), rest, p.environ, own...)
	}
	switch {
	case errors.Is(err, config.ErrHelp) && cmd.name == serveCommand.name:
		return p.help(nil)
	case errors.Is(err, config.ErrHelp):
		return p.commandHelp(cmd)
	case err != nil:
		return err
	}
	return act(ctx, cfg)
}

// pick parts args into the command and what follows it.
func pick(args []string) (command, []string, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serveCommand, args, nil
	}
	words := args[:1]
	if args[0] == half && !isHalf(args) {
		words = args[:2]
	}
	asked := strings.Join(words, " ")
	var names []string
	for _, c := range commands() {
		if c.name == asked {
			return c, args[len(words):], nil
		}
		names = append(names, c.name)
	}
	if asked == half {
		return command{}, nil, misuse("config needs a second word: write config check or config print")
	}
	return command{}, nil, misuse(fmt.Sprintf("there is no command %q: write one of %s", asked, strings.Join(names, ", ")))
}

func serving(p *cli) ([]config.Flag, action) {
	return nil, func(ctx context.Context, cfg *config.Config) error {
		// Before the first line of the log: what cannot be is told in one line.
		if err := checkKafka(cfg); err != nil {
			return err
		}
		return p.serve(ctx, cfg, logging.New(p.stderr, cfg.LogLevel, cfg.LogFormat, p.environ))
	}
}
