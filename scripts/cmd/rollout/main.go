package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

const help = `usage: scripts/rollout PLAN [options]

Moves clients from one variant to the other until each has its share of the connections, step by step as the PLAN says. It asks
the side that is above its share to send clients away, at the plan's pace, and lets HAProxy's weights send them to the other; they
resume with their cursor and lose nothing. While it goes it watches the challenger in Prometheus, and when that is beyond a
limit it halts and goes one step back.

Examples:
  scripts/rollout deploy/haproxy/rollout.yml --check
  scripts/rollout deploy/haproxy/rollout.yml --dry-run
  scripts/rollout deploy/haproxy/rollout.yml --log rollout.log
  scripts/rollout deploy/haproxy/rollout.yml --resume
  scripts/rollout deploy/haproxy/ab.yml
  scripts/rollout deploy/haproxy/rollout.yml --drain ws-single
--check works by itself; the others need what runs after: docker compose -f deploy/compose/compose.yaml --profile ab up

The PLAN, a file of YAML:
  incumbent, challenger    name; metrics: what selects its series in Prometheus; instances, each with
                           server: BACKEND/SERVER in HAProxy, and admin: the URL of its admin address
  haproxy                  HAProxy's runtime API: the path of its socket, or host:port
  prometheus               its URL
  limits                   path of the limits file, from where the plan is: its section rollout counts
  pace                     connections a second that are asked to move; 20 unless said
  tolerance                percentage points that a share may be off; 1 unless said
  steps                    each {share: PERCENT of the challenger, hold: TIME}; the last may be held forever, which is A/B

Ctrl-C stops it: clients stay where they are, and --resume goes on. So it does after a crash, from the state file.
Environment: WS_ADMIN_TOKEN, the servers' admin token, where they have one.
Exit status: 0 done, 1 halted, stopped or failed, 2 wrong usage, plan or limits.

Options:
`

// errUsage is wrapped by errors in the command line, the plan and the limits.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// run returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, env, stdout)
	if err == nil {
		err = o.carry(ctx, env, stdout)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "rollout: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return 2
	default:
		fmt.Fprintf(stderr, "rollout: %v\n", err)
		return 1
	}
}

type options struct {
	plan               string
	drain              string
	log, state         string
	resume, dry, check bool
	plain              bool
}

func parse(args []string, env func(string) string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("rollout", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.check, "check", false, "read the plan and the limits, say what they are, and end")
	flags.BoolVar(&o.dry, "dry-run", false, "look at everything, say what would be done, and change nothing")
	flags.BoolVar(&o.resume, "resume", false, "go on with the rollout that the state file tells of")
	flags.StringVar(&o.drain, "drain", "", "empty this `side` instead of doing the plan's steps: its name there")
	flags.StringVar(&o.log, "log", "", "append what happens to this `file`, one JSON object a line")
	flags.StringVar(&o.state, "state", "", "keep the state in this `file`; PLAN.state unless said")
	flags.BoolVar(&o.plain, "plain", false, "write plain lines on a terminal too")
	var plans []string
	// Options may stand behind the plan, as people write them.
	for rest := args; len(rest) > 0; {
		if !strings.HasPrefix(rest[0], "-") {
			plans, rest = append(plans, rest[0]), rest[1:]
			continue
		}
		err := flags.Parse(rest)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return nil, flag.ErrHelp
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w; scripts/rollout --help shows the options", errUsage, err)
		}
		rest = flags.Args()
	}
	if len(plans) != 1 {
		return nil, fmt.Errorf("%w: name one plan, as in: scripts/rollout deploy/haproxy/rollout.yml --dry-run", errUsage)
	}
	if o.dry && o.resume {
		return nil, fmt.Errorf("%w: --dry-run shows a whole rollout, --resume goes on with one: leave one out", errUsage)
	}
	o.plan = plans[0]
	for _, path := range []*string{&o.plan, &o.log, &o.state} {
		// The wrapper has changed the folder; paths are the caller's.
		if dir := env("CALLER_DIR"); *path != "" && dir != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	if o.state == "" {
		o.state = o.plan + ".state"
	}
	return &o, nil
}
