package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// shared is what parts use together; each thing is made when first asked for.
type shared struct {
	out      io.Writer // the report
	root     string    // of the repository
	scripts  string
	bin      string // built programs, ignored by git
	cache    string // virtual environments, ignored by git
	variants []variant.Variant

	lint    func() (string, error) // path of golangci-lint
	brokers func() (string, error) // address of the one broker
	racing  func() error           // builds the servers with the race detector into bin
	shipped func() error           // builds the servers as they are shipped into bin
	npm     func(dir string) error // installs a folder's packages
	stop    func() error           // ends the broker
}

func newShared(root string, variants []variant.Variant) *shared {
	s := &shared{
		out:      os.Stdout,
		root:     root,
		scripts:  filepath.Join(root, "scripts"),
		bin:      filepath.Join(root, "scripts", "bin"),
		cache:    filepath.Join(root, "scripts", ".cache"),
		variants: variants,
		stop:     func() error { return nil },
	}
	// The run's own context would end the broker before the tests that use it.
	ctx := context.Background()
	s.brokers = sync.OnceValues(func() (string, error) { return s.startBroker(ctx) })
	s.lint = sync.OnceValues(func() (string, error) {
		out, err := command(ctx, filepath.Join(s.scripts, "tools"), nil, "go", "tool", "-n", "golangci-lint").Output()
		if err != nil {
			return "", fmt.Errorf("build golangci-lint: %w%s", err, stderrOf(err))
		}
		return strings.TrimSpace(string(out)), nil
	})
	build := func(race bool) func() error {
		return sync.OnceValue(func() error {
			for _, v := range variants {
				if _, err := v.Build(ctx, s.bin, race); err != nil {
					return err
				}
			}
			return nil
		})
	}
	s.racing, s.shipped = build(true), build(false)
	var mu sync.Mutex
	installed := map[string]error{}
	s.npm = func(dir string) error {
		mu.Lock()
		defer mu.Unlock()
		if err, done := installed[dir]; done {
			return err
		}
		out, err := command(ctx, dir, nil, "npm", "ci", "--no-audit", "--no-fund").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("npm ci in %s: %w\n%s", dir, err, out)
		}
		installed[dir] = err
		return err
	}
	return s
}

// startBroker has scripts/kafka hold a broker, unless one is given.
func (s *shared) startBroker(ctx context.Context) (string, error) {
	if given := os.Getenv("KAFKA_TEST_BROKERS"); given != "" {
		return given, nil
	}
	path := filepath.Join(s.bin, "kafka")
	if out, err := command(ctx, s.scripts, nil, "go", "build", "-o", path, "./cmd/kafka").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build scripts/kafka: %w\n%s", err, out)
	}
	cmd := command(ctx, s.scripts, []string{"KAFKA_BROKERS="}, path, "start", "--foreground", "--port", "0")
	var trouble strings.Builder
	cmd.Stderr = &trouble
	hold, err := cmd.StdinPipe() // it ends the broker when this closes, also by our death
	if err != nil {
		return "", fmt.Errorf("start the broker: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("start the broker: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start the broker: %w", err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		return "", fmt.Errorf("start the broker: %s", trouble.String())
	}
	s.stop = func() error {
		if err := hold.Close(); err != nil {
			return fmt.Errorf("stop the broker: %w", err)
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("stop the broker: %w\n%s", err, trouble.String())
		}
		return nil
	}
	return strings.TrimSpace(addr), nil
}

func (s *shared) close() error { return s.stop() }

func stderrOf(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "\n" + string(exit.Stderr)
	}
	return ""
}
