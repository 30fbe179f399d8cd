package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const help = `usage: scripts/images [IMAGE ...] [options]

Builds images with buildah as deploy/compose would, and tries each: as its user, without a capability, on a root that cannot be
written. A server is asked by its own health check, carries a message from a real Kafka to a client, and drains; the publisher
publishes. An IMAGE is ws-single, ws-multi or publisher; without one, all three. It takes minutes, root, buildah, java and mvn.

Examples:
  scripts/images
  scripts/images ws-single
  scripts/images --bases debootstrap

Exit codes: 0 all built and work, 1 one did not, 2 wrong usage.

Options:
`

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong usage")

func main() {
	confinedChild()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if err == nil {
		err = o.run(ctx, stdout)
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "images: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return 2
	}
	fmt.Fprintf(stderr, "images: %v\n", err)
	return 1
}

// The ways to base images.
const (
	pulled       = "pull"
	debootstrapt = "debootstrap"
)

type options struct {
	names []string
	bases string
}

func parse(args []string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.bases, "bases", pulled, "where base images come from, `WAY`: pull, from their registry unless they are here; or debootstrap, made anew "+
		"of Debian's packages and this machine's Go, under the same names")
	// Options may stand behind the names, as people write them.
	for rest := args; len(rest) > 0; {
		if !strings.HasPrefix(rest[0], "-") {
			o.names, rest = append(o.names, rest[0]), rest[1:]
			continue
		}
		err := flags.Parse(rest)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w; scripts/images --help shows the options", errUsage, err)
		}
		rest = flags.Args()
	}
	if o.bases != pulled && o.bases != debootstrapt {
		return nil, fmt.Errorf("%w: --bases cannot be %q: pull or debootstrap", errUsage, o.bases)
	}
	return &o, nil
}

// run builds and tries.
func (o *options) run(ctx context.Context, stdout io.Writer) error {
	images, err := chosen(ctx, o.names)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can mount an image's files: start it with sudo")
	}
	b, err := newBuildah(stdout)
	if err != nil {
		return err
	}
	if o.bases == debootstrapt {
		if err := b.makeBases(ctx, bases(images)); err != nil {
			return err
		}
	}
	for _, i := range images {
		if err := b.build(ctx, i, o.bases); err != nil {
			return err
		}
	}
	err = b.try(ctx, images)
	for _, i := range images {
		i.report(stdout)
	}
	return err
}
