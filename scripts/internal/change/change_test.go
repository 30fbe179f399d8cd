package change_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/repo"
	"github.com/adred-codev/ws_poc/scripts/internal/scratch"
)

func TestMain(m *testing.M) {
	if err := scratch.Alone(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// begin is a change in a repository that has a file, a link and somebody's work that is in no commit.
func begin(t *testing.T) (*scratch.Repo, *change.Change) {
	t.Helper()
	s := scratch.New(t, func(root string) {
		scratch.Write(t, root, "a/file.txt", "old\n")
		scratch.Write(t, root, "b.txt", "b\n")
		if err := os.Symlink("a", filepath.Join(root, "now")); err != nil {
			t.Fatal(err)
		}
	})
	s.Write("b.txt", "work\n")
	r, err := repo.Open(t.Context(), s.Root)
	if err != nil {
		t.Fatal(err)
	}
	c, err := change.New(t.Context(), r, "a change", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Message = "a change\n\nfor a test\n"
	c.List.Holds("all is well")
	return s, c
}

// all adds a step of each kind.
func all(c *change.Change) {
	c.Write("write the file", "a/file.txt", []byte("old\n"), []byte("new\n"))
	c.Write("keep one", "kept/deep/one.txt", nil, []byte("1\n"))
	c.Write("keep two", "kept/deep/two.txt", nil, []byte("2\n"))
	c.Link("now", "a", "b")
	c.Tag("a/v1.0.0", "a v1.0.0\n\n- it is\n")
}

func target(t *testing.T, s *scratch.Repo) string {
	t.Helper()
	to, err := os.Readlink(filepath.Join(s.Root, "now"))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestMake(t *testing.T) {
	s, c := begin(t)
	all(c)
	var out strings.Builder
	before := s.State()
	if err := c.Conclude(t.Context(), &out, false, "Push it."); err != nil || s.State() != before {
		t.Fatalf("a dry run: %v\n%s", err, s.State())
	}
	const steps = "  write the file\n  keep one\n  keep two\n  turn the link now from a to b\n  commit it: a change\n  tag it: a/v1.0.0\n"
	if out.String() != "\nit would\n"+steps+"\nNothing was changed. With --yes it is.\n" {
		t.Errorf("it says\n%s", out.String())
	}
	out.Reset()
	if err := c.Conclude(t.Context(), &out, true, "Push it."); err != nil {
		t.Fatal(err)
	}
	if out.String() != "\ndone:\n"+steps+"\nPush it.\n" {
		t.Errorf("it says\n%s", out.String())
	}
	if got := s.Git("show", "--format=%B", "--name-status"); got != "a change\n\nfor a test\n\n\nM\ta/file.txt\nA\tkept/deep/one.txt\nA\tkept/deep/two.txt\nM\tnow" {
		t.Errorf("committed:\n%s", got)
	}
	if got := s.Git("status", "--porcelain"); got != "M b.txt" {
		t.Errorf("left: %s", got)
	}
	if got := s.Git("rev-parse", "a/v1.0.0^{commit}"); got != s.Git("rev-parse", "HEAD") {
		t.Errorf("the tag is of %s", got)
	}
	if s.Read("a/file.txt") != "new\n" || s.Read("kept/deep/two.txt") != "2\n" || target(t, s) != "b" {
		t.Error("the files are not as written")
	}
}

func TestMakeOnlyTags(t *testing.T) {
	s, c := begin(t)
	c.Tag("a/v1.0.0", "a v1.0.0\n")
	head := s.Git("rev-parse", "HEAD")
	if err := c.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Git("rev-parse", "HEAD") != head || s.Git("rev-parse", "a/v1.0.0^{commit}") != head {
		t.Error("there is a commit, or the tag is of another")
	}
}

func TestAllOrNothing(t *testing.T) {
	hook := func(t *testing.T, s *scratch.Repo) {
		s.Write(".git/hooks/pre-commit", "#!/bin/sh\necho not today >&2; exit 1\n")
		if err := os.Chmod(filepath.Join(s.Root, ".git/hooks/pre-commit"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		spoil func(*testing.T, *scratch.Repo, *change.Change)
		says  string
	}{
		"a condition does not hold":     {func(_ *testing.T, _ *scratch.Repo, c *change.Change) { c.List.Fails("no") }, "1 of the conditions do not hold"},
		"a condition was not looked at": {func(_ *testing.T, _ *scratch.Repo, c *change.Change) { c.List.Open("later") }, "1 of the conditions do not hold"},
		"the commit is refused":         {func(t *testing.T, s *scratch.Repo, _ *change.Change) { hook(t, s) }, "not today; all was taken back"},
		"a file cannot be written": {func(_ *testing.T, _ *scratch.Repo, c *change.Change) {
			c.Write("keep more", "b.txt/more", nil, []byte("x"))
		}, "keep more: "},
		"the tag has come meanwhile": {func(_ *testing.T, s *scratch.Repo, _ *change.Change) { s.Git("tag", "a/v1.0.0") }, "already exists; all was taken back"},
		"somebody has committed": {func(_ *testing.T, s *scratch.Repo, _ *change.Change) {
			s.Git("commit", "--quiet", "--allow-empty", "--message=x")
		}, "begin anew"},
		"somebody has written the file":  {func(_ *testing.T, s *scratch.Repo, _ *change.Change) { s.Write("a/file.txt", "theirs\n") }, "begin anew"},
		"somebody works, and may not":    {func(_ *testing.T, _ *scratch.Repo, c *change.Change) { c.Whole = true }, "begin anew"},
		"what is to be new is there now": {func(_ *testing.T, s *scratch.Repo, _ *change.Change) { s.Write("kept/deep/one.txt", "theirs\n") }, "begin anew"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := begin(t)
			all(c)
			test.spoil(t, s, c)
			before := s.State()
			err := c.Make(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %v", err)
			}
			if after := s.State(); after != before || target(t, s) != "a" {
				t.Errorf("before:\n%s\nafter, now -> %s:\n%s", before, target(t, s), after)
			}
			if _, err := os.Stat(filepath.Join(s.Root, "kept", "deep", "two.txt")); err == nil {
				t.Error("a file was left")
			}
			if _, err := os.Stat(filepath.Join(s.Root, "kept")); err == nil && !strings.Contains(before, "kept/") {
				t.Error("a folder was left")
			}
		})
	}
}

func TestMakeIsNotBegunWhenItIsOver(t *testing.T) {
	s, c := begin(t)
	all(c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := s.State()
	if err := c.Make(ctx); !errors.Is(err, context.Canceled) || s.State() != before {
		t.Errorf("%v\n%s", err, s.State())
	}
}

// A link is one thing or the other, and what a tool left that was killed is in nobody's way.
func TestLinkAfterAKill(t *testing.T) {
	s, c := begin(t)
	c.Link("now", "a", "b")
	if err := os.Symlink("nowhere", filepath.Join(s.Root, ".now.new")); err != nil {
		t.Fatal(err)
	}
	if err := c.Make(t.Context()); err != nil || target(t, s) != "b" {
		t.Errorf("%v, it points at %s", err, target(t, s))
	}
	if _, err := os.Lstat(filepath.Join(s.Root, ".now.new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft is left: %v", err)
	}
}

func TestPasses(t *testing.T) {
	s, c := begin(t)
	s.Write("tool", "#!/bin/sh\npwd\nexit $1\n")
	if err := os.Chmod(filepath.Join(s.Root, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, code := range []string{"0", "3", "0"} {
		if err := c.Passes(t.Context(), &out, "./tool", code); err != nil {
			t.Fatal(err)
		}
	}
	const want = "  ok  all is well\n  ok  ./tool 0 passes\n  NO  ./tool 3 failed: exit status 3; what it says is above\n  --  ./tool 0 was not run: it takes minutes, and not all of the above holds\n"
	if c.List.String() != want || out.String() != s.Root+"\n"+s.Root+"\n" {
		t.Errorf("%s\nout: %s", c.List.String(), out.String())
	}
}

func TestPassesEndsWithItsContext(t *testing.T) {
	_, c := begin(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := c.Passes(ctx, nil, "sleep", "300"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 29*time.Second {
		t.Errorf("it was not told to end: %v", took)
	}
}

func TestAgrees(t *testing.T) {
	_, c := begin(t)
	for _, script := range []string{"exit 0", "echo one; echo two >&2; exit 1", "exit 1"} {
		if err := c.Agrees(t.Context(), "it is fine", "it is not", "sh", "-c", script); err != nil {
			t.Fatal(err)
		}
	}
	const want = "  ok  all is well\n  ok  it is fine\n  NO  it is not:\n      one\n      two\n  NO  it is not:\n      exit status 1\n"
	if c.List.String() != want {
		t.Errorf("%s", c.List.String())
	}
}
