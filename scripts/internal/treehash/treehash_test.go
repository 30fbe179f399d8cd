package treehash

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repo makes a repository with one commit of two variants.
func repo(t *testing.T, format string) string {
	t.Helper()
	root := t.TempDir()
	run(t, root, "git", "init", "--quiet", "--object-format="+format)
	for path, text := range map[string]string{
		"ws-multi/VERSION":          "version: 0.1.0\nstatus: standby\n",
		"ws-multi/VERSION.md":       "not the file itself\n",
		"ws-multi/go.mod":           "module multi\n",
		"ws-multi/shard/shard.go":   "package shard\n",
		"ws-multi/shard/VERSION":    "this one counts\n",
		"ws-multi/.gitignore":       "bin/\n",
		"ws-multi/a folder/fine.go": "package fine\n",
		"ws-single/go.mod":          "module single\n",
	} {
		write(t, root, path, text)
	}
	write(t, root, "ws-multi/start", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(root, "ws-multi/start"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ws-single", filepath.Join(root, "ws")); err != nil {
		t.Fatal(err)
	}
	commit(t, root)
	return root
}

func write(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, root string) {
	t.Helper()
	run(t, root, "git", "add", "--all")
	run(t, root, "git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message=t")
}

func run(t *testing.T, root, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The hash is git's own, made by the command that doc.go gives, in repositories of both hash functions.
func TestIsGitsOwn(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		root := repo(t, format)
		got, err := Of(t.Context(), root, "ws-multi")
		if err != nil {
			t.Fatal(err)
		}
		want := run(t, root, "sh", "-c", `git ls-tree HEAD:ws-multi | grep -v '	VERSION$' | git mktree`)
		if got != want {
			t.Errorf("%s: %s, git says %s", format, got, want)
		}
		if whole := run(t, root, "git", "rev-parse", "HEAD:ws-multi"); got == whole {
			t.Errorf("%s: VERSION counts", format)
		}
	}
}

func TestWhatMovesIt(t *testing.T) {
	for name, c := range map[string]struct {
		path  string
		moves bool
	}{
		"VERSION":             {"ws-multi/VERSION", false},
		"another variant":     {"ws-single/go.mod", false},
		"the top":             {"README.md", false},
		"a file":              {"ws-multi/go.mod", true},
		"a new file":          {"ws-multi/shard/new.go", true},
		"a VERSION below":     {"ws-multi/shard/VERSION", true},
		"a name that is like": {"ws-multi/VERSION.md", true},
	} {
		t.Run(name, func(t *testing.T) {
			root := repo(t, "sha1")
			before, err := Of(t.Context(), root, "ws-multi")
			if err != nil {
				t.Fatal(err)
			}
			write(t, root, c.path, "changed\n")
			_, err = Of(t.Context(), root, "ws-multi")
			if refused := errors.Is(err, ErrDirty); refused != c.moves {
				t.Errorf("not committed: %v", err)
			}
			if c.moves && (err == nil || !strings.Contains(err.Error(), c.path)) {
				t.Errorf("the error does not name %s: %v", c.path, err)
			}
			commit(t, root)
			if then, err := At(t.Context(), root, "HEAD~1", "ws-multi"); err != nil || then != before {
				t.Errorf("of the commit before: %s, %v, want %s", then, err, before)
			}
			after, err := Of(t.Context(), root, "ws-multi")
			if err != nil {
				t.Fatal(err)
			}
			if (before != after) != c.moves {
				t.Errorf("before %s, after %s", before, after)
			}
		})
	}
}

func TestDirty(t *testing.T) {
	root := repo(t, "sha1")
	if err := os.Remove(filepath.Join(root, "ws-multi/a folder/fine.go")); err != nil {
		t.Fatal(err)
	}
	if _, err := Of(t.Context(), root, "ws-multi"); !errors.Is(err, ErrDirty) || !strings.Contains(err.Error(), "a folder/fine.go") {
		t.Errorf("a file removed: %v", err)
	}
	run(t, root, "git", "add", "--all") // staged, not committed
	if _, err := Of(t.Context(), root, "ws-multi"); !errors.Is(err, ErrDirty) {
		t.Errorf("a removal staged: %v", err)
	}
	if _, err := Of(t.Context(), root, "ws-single"); err != nil {
		t.Errorf("the other variant: %v", err)
	}
	run(t, root, "git", "reset", "--quiet", "--hard")
	write(t, root, "ws-multi/bin/server", "built\n")
	if _, err := Of(t.Context(), root, "ws-multi"); err != nil {
		t.Errorf("an ignored file: %v", err)
	}
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		write(t, root, "ws-multi/new"+name+".go", "package multi\n")
	}
	if _, err := Of(t.Context(), root, "ws-multi"); err == nil || !strings.Contains(err.Error(), "new3.go and 2 more") {
		t.Errorf("five new files: %v", err)
	}
}

// Somebody commits between two looks at the repository: the files are as they are committed then, and not as the first look had them.
func TestCommittedMeanwhile(t *testing.T) {
	root := repo(t, "sha1")
	binary, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "git", `#!/bin/sh
case " $* " in *" status "*)
	echo "module newer" > ws-multi/go.mod
	`+binary+` -c user.name=t -c user.email=t@example.com commit --quiet --all --message=meanwhile ;;
esac
exec `+binary+` "$@"
`)
	if err := os.Chmod(filepath.Join(dir, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if got, err := Of(t.Context(), root, "ws-multi"); err == nil || !strings.Contains(err.Error(), "another commit was checked out meanwhile") {
		t.Errorf("%s, %v", got, err)
	}
}

func TestNoFolder(t *testing.T) {
	root := repo(t, "sha1")
	for _, dir := range []string{"ws-none", "ws", "ws-multi/go.mod"} {
		if got, err := Of(t.Context(), root, dir); err == nil {
			t.Errorf("%s: %s", dir, got)
		}
	}
	if got, err := At(t.Context(), root, "nowhere", "ws-multi"); err == nil {
		t.Errorf("no commit: %s", got)
	}
	if got, err := Of(t.Context(), t.TempDir(), "ws-multi"); err == nil {
		t.Errorf("no repository: %s", got)
	}
}
