package scratch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// needed are the folders and files of this repository that releases look at, and those that scripts/kit is built from.
var needed = []string{
	".gitignore", "go.work", "go.work.sum", "kit",
	"ws-single/VERSION", "ws-single/CHANGELOG.md", "ws-single/go.mod", "ws-single/go.sum", "ws-single/main.go", "ws-single/internal/kit",
	"ws-multi/VERSION", "ws-multi/CHANGELOG.md", "ws-multi/go.mod", "ws-multi/go.sum", "ws-multi/main.go", "ws-multi/internal/kit",
	"scripts/go.mod", "scripts/go.sum", "scripts/kit", "scripts/cmd/kit",
	"scripts/internal/change", "scripts/internal/checklist", "scripts/internal/release", "scripts/internal/repo", "scripts/internal/version",
}

// This is New with what of this repository's work tree a release needs, tests left out, after change has had its way with it.
func This(tb testing.TB, change func(root string)) *Repo {
	tb.Helper()
	from, err := variant.Root()
	if err != nil {
		tb.Fatal(err)
	}
	return New(tb, func(root string) {
		for _, path := range needed {
			if err := copyTree(filepath.Join(from, path), filepath.Join(root, path)); err != nil {
				tb.Fatal(err)
			}
		}
		change(root)
	})
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "_test.go") {
			return err
		}
		within, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, within)
		if entry.IsDir() {
			return os.MkdirAll(at, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		return os.WriteFile(at, text, info.Mode().Perm())
	})
}
