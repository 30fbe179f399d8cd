package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// madeHere is the label of a base that was made on this machine, which what is built on it inherits.
const madeHere = "odin.base"

var (
	slimBase = regexp.MustCompile(`^debian:(\w+)-slim$`)
	goBase   = regexp.MustCompile(`^golang:([\d.]+)-(\w+)$`)
)

// makeBases makes the bases of Debian's packages, and of this machine's Go with its settings, under the names that a pull
// would give them. It takes a minute or two.
func (b *buildah) makeBases(ctx context.Context, names []string) (err error) {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("debootstrap is not installed (Debian: apt-get install debootstrap)")
	}
	dir, err := os.MkdirTemp("", "bases-")
	if err != nil {
		return fmt.Errorf("make bases: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	packages := filepath.Join(dir, "packages") // fetched once for all
	if err := os.Mkdir(packages, 0o755); err != nil {
		return fmt.Errorf("make bases: %w", err)
	}
	for n, name := range names {
		fmt.Fprintf(b.progress, "making %s\n", name)
		root := filepath.Join(dir, fmt.Sprint(n))
		args := []string{"--variant=minbase", "--cache-dir=" + packages}
		var release string
		var settings []string
		if m := slimBase.FindStringSubmatch(name); m != nil {
			release = m[1]
		} else if m := goBase.FindStringSubmatch(name); m != nil {
			release = m[2]
			args = append(args, "--include=gcc,libc6-dev,ca-certificates")
			if settings, err = goSettings(ctx, m[1]); err != nil {
				return err
			}
		} else {
			return fmt.Errorf("make bases: nobody knows how to make %s: debian:RELEASE-slim or golang:VERSION-RELEASE", name)
		}
		if err := command(ctx, "debootstrap", append(args, release, root)...); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		if len(settings) > 0 {
			goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
			if err != nil {
				return fmt.Errorf("make %s: %w", name, err)
			}
			if err := command(ctx, "cp", "-a", strings.TrimSpace(string(goroot)), filepath.Join(root, "usr", "local", "go")); err != nil {
				return fmt.Errorf("make %s: %w", name, err)
			}
		}
		if err := b.commit(ctx, root, "docker.io/library/"+name, settings); err != nil {
			return err
		}
		if err := os.RemoveAll(root); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
	}
	return nil
}

// goSettings are variables of an image with this machine's Go, which must be of the version.
func goSettings(ctx context.Context, version string) ([]string, error) {
	env := func(name string) (string, error) {
		out, err := exec.CommandContext(ctx, "go", "env", name).Output()
		return strings.TrimSpace(string(out)), err
	}
	have, err := env("GOVERSION")
	if err != nil {
		return nil, fmt.Errorf("ask Go: %w", err)
	}
	if have != "go"+version && !strings.HasPrefix(have, "go"+version+".") {
		return nil, fmt.Errorf("the base wants Go %s, this machine has %s", version, have)
	}
	settings := []string{"PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"GOPROXY", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GOFLAGS"} {
		value, err := env(name)
		if err != nil {
			return nil, fmt.Errorf("ask Go: %w", err)
		}
		if value != "" {
			settings = append(settings, name+"="+value)
		}
	}
	return append(settings, "GOTOOLCHAIN=local"), nil
}

// commit makes a folder an image.
func (b *buildah) commit(ctx context.Context, root, name string, settings []string) (err error) {
	container, err := b.do(ctx, "from", "scratch")
	if err != nil {
		return err
	}
	defer func() {
		_, rmErr := b.do(context.WithoutCancel(ctx), "rm", container)
		err = errors.Join(err, rmErr)
	}()
	if _, err := b.do(ctx, "copy", "--quiet", container, root, "/"); err != nil {
		return err
	}
	config := []string{"config", "--label", madeHere + "=debootstrap"}
	for _, s := range settings {
		config = append(config, "--env", s)
	}
	if _, err := b.do(ctx, append(config, container)...); err != nil {
		return err
	}
	_, err = b.do(ctx, "commit", "--quiet", container, name)
	return err
}

// command runs a program; what it says is in its error.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
