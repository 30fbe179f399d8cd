package repo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/checklist"
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

func clone(t *testing.T) (*scratch.Repo, repo.Repo) {
	t.Helper()
	s := scratch.New(t, func(root string) {
		scratch.Write(t, root, "a/one.txt", "one\n")
		scratch.Write(t, root, "a/two words.txt", "two\n")
		scratch.Write(t, root, ".gitignore", "/ignored\n")
	})
	r, err := repo.Open(t.Context(), s.Root)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestOpen(t *testing.T) {
	s, _ := clone(t)
	if _, err := repo.Open(t.Context(), filepath.Join(s.Root, "a")); err == nil || !strings.Contains(err.Error(), "belongs to the one at") {
		t.Errorf("a folder within: %v", err)
	}
	if _, err := repo.Open(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("no repository: %v", err)
	}
}

func TestInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scratch.Repo)
		only   string
		says   string // "": nothing is wrong
	}{
		"as it is":          {func(*scratch.Repo) {}, "main", ""},
		"ignored":           {func(s *scratch.Repo) { s.Write("ignored", "x") }, "main", ""},
		"ahead of upstream": {func(s *scratch.Repo) { s.Git("commit", "--quiet", "--allow-empty", "--message=mine") }, "main", ""},
		"no upstream":       {func(s *scratch.Repo) { s.Git("switch", "--quiet", "--create", "side") }, "", ""},
		"upstream is gone": {func(s *scratch.Repo) {
			s.Git("switch", "--quiet", "--create", "side")
			s.Git("push", "--quiet", "--set-upstream", "origin", "side")
			s.Git("push", "--quiet", "--delete", "origin", "side")
		}, "", ""},
		"changed": {func(s *scratch.Repo) { s.Write("a/one.txt", "other\n") }, "", "changes that are in no commit: a/one.txt; commit them"},
		"staged":  {func(s *scratch.Repo) { s.Write("a/one.txt", "other\n"); s.Git("add", "--all") }, "", "in no commit: a/one.txt"},
		"unknown": {func(s *scratch.Repo) { s.Write("new/b.txt", "x") }, "", "in no commit: new/b.txt"},
		"many": {func(s *scratch.Repo) {
			for _, n := range "12345" {
				s.Write("new/"+string(n), "x")
			}
		}, "", "new/1, new/2, new/3 and 2 more"},
		"with blanks": {func(s *scratch.Repo) { s.Write("a/two words.txt", "x") }, "", "in no commit: a/two words.txt;"},
		"detached":    {func(s *scratch.Repo) { s.Git("switch", "--quiet", "--detach") }, "", "no branch is checked out"},
		"elsewhere":   {func(s *scratch.Repo) { s.Git("switch", "--quiet", "--create", "side") }, "main", "the branch is side, and it is done on main: git switch main"},
		"behind":      {func(s *scratch.Repo) { s.Others() }, "main", "main lacks a commit of origin/main: git pull --ff-only"},
		"merging": {func(s *scratch.Repo) {
			s.Git("switch", "--quiet", "--create", "side")
			s.Git("commit", "--quiet", "--allow-empty", "--message=side")
			s.Git("switch", "--quiet", "main")
			s.Git("merge", "--quiet", "--no-ff", "--no-commit", "side")
		}, "", "a merge is not finished: git merge --continue or --abort"},
		"bisecting": {func(s *scratch.Repo) { s.Git("bisect", "start") }, "", "a bisection is not finished"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := clone(t)
			c.change(s)
			var list checklist.List
			if err := r.InOrder(t.Context(), &list, c.only); err != nil {
				t.Fatal(err)
			}
			if list.Met() != (c.says == "") || !strings.Contains(list.String(), c.says) {
				t.Errorf("%s", list.String())
			}
		})
	}
}

// What a rebase leaves lies in a folder of its own, also in a second work tree, whose .git is a file.
func TestUnfinishedInAWorktree(t *testing.T) {
	s, _ := clone(t)
	second := filepath.Join(t.TempDir(), "second")
	s.Git("worktree", "add", "--quiet", second)
	r, err := repo.Open(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	if going, err := r.Unfinished(t.Context()); going != "" || err != nil {
		t.Errorf("%q, %v", going, err)
	}
	if err := os.Mkdir(filepath.Join(s.Root, ".git", "worktrees", "second", "rebase-merge"), 0o755); err != nil {
		t.Fatal(err)
	}
	if going, err := r.Unfinished(t.Context()); !strings.HasPrefix(going, "a rebase is not finished") || err != nil {
		t.Errorf("%q, %v", going, err)
	}
}

func TestCommitTakesNothingElse(t *testing.T) {
	s, r := clone(t)
	s.Write("a/one.txt", "changed\n")
	s.Write("new/file.txt", "new\n")
	s.Write("a/two words.txt", "somebody's work\n")
	s.Git("add", "a/two words.txt")
	if err := r.Commit(t.Context(), "a change\n\n# a heading\n", "a/one.txt", "new/file.txt"); err != nil {
		t.Fatal(err)
	}
	if got := s.Git("show", "--format=%B", "--name-status", "HEAD"); got != "a change\n\n# a heading\n\n\nM\ta/one.txt\nA\tnew/file.txt" {
		t.Errorf("committed: %q", got)
	}
	if got := s.Git("status", "--porcelain"); got != `M  "a/two words.txt"` {
		t.Errorf("what was staged: %s", got)
	}
}

func TestCommitThatFails(t *testing.T) {
	s, r := clone(t)
	s.Write(".git/hooks/pre-commit", "#!/bin/sh\necho no commits on Fridays >&2\nexit 1\n")
	if err := os.Chmod(filepath.Join(s.Root, ".git/hooks/pre-commit"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Write("a/one.txt", "changed\n")
	s.Write("new/file.txt", "new\n")
	before := s.State()
	err := r.Commit(t.Context(), "a change", "a/one.txt", "new/file.txt")
	if err == nil || !strings.Contains(err.Error(), "no commits on Fridays") {
		t.Errorf("the hook's words: %v", err)
	}
	if after := s.State(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestTags(t *testing.T) {
	s, r := clone(t)
	for _, name := range []string{"ws-a/v1.0.0", "ws-a/v1.1.0", "ws-b/v2.0.0"} {
		if err := r.Tag(t.Context(), name, "title\n\n# what\n\n- it does\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Tags(t.Context(), "ws-a/v")
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []string{"ws-a/v1.0.0", "ws-a/v1.1.0"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got := s.Git("for-each-ref", "--format=%(objecttype) %(contents)", "refs/tags/ws-b"); got != "tag title\n\n# what\n\n- it does" {
		t.Errorf("the tag is %q", got)
	}
	if err := r.Tag(t.Context(), "ws-a/v1.0.0", "again"); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a second one: %v", err)
	}
}
