package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

const vendorHelp = `usage: scripts/kit vendor [--into VARIANT]... [--version VERSION]

Copies kit's Go code and embedded documents into VARIANT/internal/kit, with a
KIT_VERSION that names the version and every file's SHA-256. What was there and
is not kit's is removed.

  --into VARIANT      a folder such as ws-single; may be repeated (default: all)
  --version VERSION   the version to take: kit/VERSION's from the work tree,
                      another from the tag kit/VERSION (default: kit/VERSION's)

example:

  scripts/kit vendor --into ws-single
`

func runVendor(ctx context.Context, root string, args []string, out io.Writer) error {
	var into nameList
	var version string
	flags := flag.NewFlagSet("vendor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(&into, "into", "")
	flags.StringVar(&version, "version", "", "")
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	names, err := chosen(root, into)
	if err != nil {
		return err
	}
	current, err := currentVersion(root)
	if err != nil {
		return err
	}
	var files content
	switch {
	case version == "" || version == current:
		version = current
		files, err = present(root)
	case !versionForm.MatchString(version):
		err = fmt.Errorf("%w: %q is no version: write one such as %s", errUsage, version, current)
	default:
		files, err = tagged(ctx, root, version)
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		changed, err := writeCopy(filepath.Join(root, copyPath(name)), version, files)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: kit %s, %d files, %d changed\n", copyPath(name), version, len(files), changed)
	}
	return nil
}

// parseFlags takes options and nothing else.
func parseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	return nil
}

// writeCopy makes dir the copy of files and returns how many it wrote or
// removed. Files that are right stay untouched; KIT_VERSION is written last, so
// that a copy half made is found.
func writeCopy(dir, version string, files content) (int, error) {
	have, err := read(dir)
	if err != nil {
		return 0, err
	}
	changed := 0
	for _, name := range have.paths() {
		if _, keep := files[name]; keep || name == manifestName {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return 0, fmt.Errorf("remove what is not kit's: %w", err)
		}
		changed++
	}
	write := func(name string, b []byte) error {
		old, exists := have[name]
		if exists && bytes.Equal(old, b) {
			return nil
		}
		if name != manifestName {
			changed++
		}
		return replaceFile(filepath.Join(dir, filepath.FromSlash(name)), b)
	}
	for _, name := range files.paths() {
		if err := write(name, files[name]); err != nil {
			return 0, err
		}
	}
	if err := write(manifestName, manifestOf(version, files).render()); err != nil {
		return 0, err
	}
	return changed, nil
}

// replaceFile writes a file so that nobody sees half of it.
func replaceFile(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write the copy: %w", err)
	}
	// The go command ignores files whose name begins with a dot.
	draft := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(draft, b, 0o644); err != nil {
		return fmt.Errorf("write the copy: %w", err)
	}
	if err := os.Rename(draft, name); err != nil {
		return fmt.Errorf("write the copy: %w", err)
	}
	return nil
}

// read is all files below dir; none if there is no dir.
func read(dir string) (content, error) {
	files := content{}
	tree := os.DirFS(dir)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(tree, name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) && len(files) == 0 {
		return files, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the copy: %w", err)
	}
	return files, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
