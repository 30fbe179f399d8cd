package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// content is files by their slash-separated path.
type content map[string][]byte

func (c content) paths() []string { return slices.Sorted(maps.Keys(c)) }

// belongs reports whether a file of kit is copied: Go code without its tests,
// and the JSON documents embedded in it.
func belongs(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if part == "testdata" || part != "." && strings.HasPrefix(part, ".") {
			return false
		}
	}
	switch path.Ext(name) {
	case ".go":
		return !strings.HasSuffix(name, "_test.go")
	case ".json":
		return true
	}
	return false
}

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)

// currentVersion reads kit/VERSION.
func currentVersion(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, "kit", "VERSION"))
	if err != nil {
		return "", fmt.Errorf("read kit's version: %w", err)
	}
	version := strings.TrimSpace(string(b))
	if !versionForm.MatchString(version) {
		return "", fmt.Errorf("kit/VERSION: %q is no version: write one such as v1.2.3", version)
	}
	return version, nil
}

// present is what of kit/ is copied, as it is in the work tree.
func present(root string) (content, error) {
	kit := os.DirFS(filepath.Join(root, "kit"))
	files := content{}
	err := fs.WalkDir(kit, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !belongs(name) {
			return err
		}
		files[name], err = fs.ReadFile(kit, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read kit: %w", err)
	}
	return files, standardOnly(files)
}

// hasTag says whether the tag kit/<version> is in this clone.
func hasTag(ctx context.Context, root, version string) bool {
	return exec.CommandContext(ctx, "git", "-C", root, "show-ref", "--quiet", "--verify", "refs/tags/kit/"+version).Run() == nil
}

// tagged is what of kit/ is copied, as it was at the tag kit/<version>.
func tagged(ctx context.Context, root, version string) (content, error) {
	tag := "kit/" + version
	archive, err := exec.CommandContext(ctx, "git", "-C", root, "archive", "--format=tar", tag, "kit").Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = errors.New(strings.TrimSpace(string(failed.Stderr)))
		}
		return nil, fmt.Errorf("read the tag %s: %w: name kit/VERSION's version or one of `git tag -l 'kit/*'`, perhaps after `git fetch --tags`", tag, err)
	}
	files := content{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, standardOnly(files)
		}
		if err != nil {
			return nil, fmt.Errorf("read the tag %s: %w", tag, err)
		}
		name, inside := strings.CutPrefix(header.Name, "kit/")
		if header.Typeflag != tar.TypeReg || !inside || !belongs(name) {
			continue
		}
		if files[name], err = io.ReadAll(reader); err != nil {
			return nil, fmt.Errorf("read the tag %s: %w", tag, err)
		}
	}
}

// standardOnly refuses an import that is not the standard library's: a variant
// would not have it, and a copy's import path is not kit's.
func standardOnly(files content) error {
	for _, name := range files.paths() {
		if path.Ext(name) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "kit/"+name, files[name], parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("read kit's imports: %w", err)
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("read kit's imports: %w", err)
			}
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				return fmt.Errorf("kit/%s imports %s: kit is copied, so its packages import the standard library only, and not one another", name, imported)
			}
		}
	}
	return nil
}
