package scratch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Repo is a clone with the branch main checked out, whose upstream is origin's.
type Repo struct {
	Root string // its top

	origin string
	tb     testing.TB
}

// Alone keeps the settings of whoever runs the tests away from git: signatures, hooks, other names of branches. TestMain calls it.
func Alone() error {
	for name, value := range map[string]string{"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_SYSTEM": os.DevNull, "GIT_TERMINAL_PROMPT": "0"} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("keep settings away: %w", err)
		}
	}
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} { // of a hook that runs the tests
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("keep settings away: %w", err)
		}
	}
	return nil
}

// New makes an origin with one commit of what fill puts into its folder, and a clone of it.
func New(tb testing.TB, fill func(root string)) *Repo {
	tb.Helper()
	dir := tb.TempDir()
	first := &Repo{Root: filepath.Join(dir, "first"), tb: tb}
	if err := os.Mkdir(first.Root, 0o755); err != nil {
		tb.Fatal(err)
	}
	fill(first.Root)
	first.Git("init", "--quiet", "--initial-branch=main")
	first.identify()
	first.Commit("first")
	r := &Repo{Root: filepath.Join(dir, "clone"), origin: filepath.Join(dir, "origin.git"), tb: tb}
	first.Git("clone", "--quiet", "--bare", first.Root, r.origin)
	first.Git("clone", "--quiet", r.origin, r.Root)
	r.identify()
	return r
}

func (r *Repo) identify() {
	r.tb.Helper()
	// By hand: a test makes many repositories, and each call of git takes as long as all the rest.
	config, err := os.OpenFile(filepath.Join(r.Root, ".git", "config"), os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = config.WriteString("[user]\n\tname = Scratch\n\temail = scratch@example.com\n")
		err = errors.Join(err, config.Close())
	}
	if err != nil {
		r.tb.Fatal(err)
	}
}

// Git runs git at the top and returns what it prints, without white space at its ends.
func (r *Repo) Git(args ...string) string {
	r.tb.Helper()
	cmd := exec.CommandContext(r.tb.Context(), "git", args...)
	cmd.Dir = r.Root
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.tb.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Write writes a file, and makes the folders on the way.
func (r *Repo) Write(path, text string) {
	r.tb.Helper()
	Write(r.tb, r.Root, path, text)
}

// Write writes a file below root.
func Write(tb testing.TB, root, path, text string) {
	tb.Helper()
	path = filepath.Join(root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// Read is a file's text.
func (r *Repo) Read(path string) string {
	r.tb.Helper()
	text, err := os.ReadFile(filepath.Join(r.Root, filepath.FromSlash(path)))
	if err != nil {
		r.tb.Fatal(err)
	}
	return string(text)
}

// Commit commits all that is in the work tree.
func (r *Repo) Commit(message string) {
	r.tb.Helper()
	r.Git("add", "--all")
	r.Git("commit", "--quiet", "--message="+message)
}

// Others pushes a commit to origin from another clone, and fetches: then main lacks it.
func (r *Repo) Others() {
	r.tb.Helper()
	other := &Repo{Root: filepath.Join(r.tb.TempDir(), "other"), tb: r.tb}
	r.Git("clone", "--quiet", r.origin, other.Root)
	other.identify()
	other.Write("others.txt", "theirs\n")
	other.Commit("theirs")
	other.Git("push", "--quiet")
	r.Git("fetch", "--quiet")
}

// State is all that a tool must leave alone when it refuses: the commit, the tags, the index, and each file that is not as it is
// committed.
func (r *Repo) State() string {
	r.tb.Helper()
	return strings.Join([]string{
		r.Git("status", "--porcelain=v2", "--branch", "--untracked-files=all"), // with the commit, and what is staged by its hash
		r.Git("tag", "--list"), r.Git("diff"),
	}, "\n")
}
