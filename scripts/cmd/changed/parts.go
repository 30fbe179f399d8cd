package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// part is one of scripts/test.
type part struct {
	name string
	long bool // it runs with --full only
}

// knownParts are those that scripts/test lists, in its order.
func knownParts(ctx context.Context, root string) ([]part, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "test"), "--list")
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run scripts/test --list: %w\n%s", err, trouble.String())
	}
	return parseList(string(out))
}

// parseList reads lines of a name, what it is about, and a mark where it takes long.
func parseList(text string) ([]part, error) {
	var list []part
	for line := range strings.Lines(text) {
		name, about, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || about == "" {
			return nil, fmt.Errorf("read the list of scripts/test: what is %q?", line)
		}
		list = append(list, part{name: name, long: strings.HasSuffix(about, "(--full)")})
	}
	if len(list) == 0 {
		return nil, errors.New("read the list of scripts/test: it is empty")
	}
	return list, nil
}
