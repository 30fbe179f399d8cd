package variant

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// names lists the variants this repository may hold. One whose folder is not
// there does not exist yet and is left out by [All].
var names = []string{"ws-single", "ws-multi"}

// BinDirEnv names the environment variable by which a test run hands on the
// folder of servers it has built, so that each package does not build its own.
const BinDirEnv = "WS_TEST_BIN_DIR"

// Variant is one server of the repository.
type Variant struct {
	Name string // folder, module and binary: "ws-single"
	Dir  string // absolute path of the folder
}

// Root is the absolute path of the repository that holds the working
// directory, known by its go.work and kit.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for {
		_, work := os.Stat(filepath.Join(dir, "go.work"))
		_, kit := os.Stat(filepath.Join(dir, "kit", "go.mod"))
		if work == nil && kit == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find repository: no folder above holds go.work and kit")
		}
		dir = up
	}
}

// All lists the variants that exist, in the order single, multi.
func All() ([]Variant, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	var all []Variant
	for _, name := range names {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(filepath.Join(dir, "main.go")); err == nil {
			all = append(all, Variant{Name: name, Dir: dir})
		}
	}
	return all, nil
}

// Build compiles the server into dir and returns the binary's path; a binary
// that is up to date is left as it is. With race it carries the race detector
// and has "-race" behind its name.
func (v Variant) Build(ctx context.Context, dir string, race bool) (string, error) {
	out := filepath.Join(dir, v.Name)
	args := []string{"build", "-o", out, "."}
	if race {
		out += "-race"
		args = []string{"build", "-race", "-o", out, "."}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = v.Dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", v.Name, err, output)
	}
	return out, nil
}

// Binary is the server for tests, with the race detector if this program has it: what looks for races looks at both, what
// judges times has neither. It is the one that the test run has built (see [BinDirEnv]), else one built now in scripts/bin.
func (v Variant) Binary(ctx context.Context) (string, error) {
	if dir := os.Getenv(BinDirEnv); dir != "" {
		name := v.Name
		if Race {
			name += "-race"
		}
		return filepath.Join(dir, name), nil
	}
	dir, err := BinDir()
	if err != nil {
		return "", err
	}
	return v.Build(ctx, dir, Race)
}

// BinDir is the folder for binaries built by tools, which git ignores.
func BinDir() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "scripts", "bin"), nil
}
