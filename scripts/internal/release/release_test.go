package release_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/release"
	"github.com/adred-codev/ws_poc/scripts/internal/scratch"
)

// kit is the program of scripts/kit.
var kit string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "release-test-")
	if err == nil {
		kit = filepath.Join(dir, "kit")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", kit, "../../cmd/kit").CombinedOutput(); err != nil {
			err = fmt.Errorf("build scripts/kit: %w: %s", err, out)
		}
	}
	if err = errors.Join(err, scratch.Alone()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}))
}

const (
	file      = "# a remark\narchitecture: single-core\nversion: v1.2.0\nstatus: production\noptimized_for: tests, for one\nmax_connections: 12000\ncpu_cores: 1\n"
	changelog = "# Changelog of ws-single\n\nTags are ws-single/vX.Y.Z.\n\n## v1.3.0 - 2026-11-26\n\n### Added\n\n- It does more.\n\n## v1.2.0\n\n- It did this.\n"
)

// clone is a repository in which ws-single v1.2.0 was released, and v1.3.0 can be.
func clone(t *testing.T) *scratch.Repo {
	t.Helper()
	s := scratch.This(t, func(root string) {
		scratch.Write(t, root, "ws-single/VERSION", file)
		scratch.Write(t, root, "ws-single/CHANGELOG.md", changelog)
	})
	for _, tag := range []string{"ws-single/v1.2.0", "ws-single/v1.2.0-rc.1", "ws-single/v1.10", "ws-multi/v9.0.0"} { // one of them is no version
		s.Git("tag", tag)
	}
	return s
}

func desk(s *scratch.Repo) *release.Desk {
	return &release.Desk{Root: s.Root, Copies: []string{kit}, Tests: []string{"true"}}
}

func TestRefusals(t *testing.T) {
	commit := func(s *scratch.Repo, path, text string) {
		s.Write(path, text)
		s.Commit("a change")
	}
	for name, test := range map[string]struct {
		spoil  func(*scratch.Repo)
		number string // "": 1.3.0
		says   string
	}{
		"a dirty tree":         {func(s *scratch.Repo) { s.Write("ws-single/new.go", "package main\n") }, "", "NO  the work tree has changes that are in no commit: ws-single/new.go; commit them or take them away"},
		"staged":               {func(s *scratch.Repo) { s.Write("go.work", "go 1.26\n"); s.Git("add", "go.work") }, "", "in no commit: go.work"},
		"another branch":       {func(s *scratch.Repo) { s.Git("switch", "--quiet", "--create", "side") }, "", "NO  the branch is side, and it is done on main: git switch main"},
		"no branch":            {func(s *scratch.Repo) { s.Git("switch", "--quiet", "--detach") }, "", "NO  no branch is checked out"},
		"behind its upstream":  {func(s *scratch.Repo) { s.Others() }, "", "NO  main lacks a commit of origin/main"},
		"a bisection":          {func(s *scratch.Repo) { s.Git("bisect", "start") }, "", "NO  a bisection is not finished"},
		"below VERSION":        {func(*scratch.Repo) {}, "1.1.9", "NO  ws-single/VERSION says v1.2.0 already: a new version is above it"},
		"below the last tag":   {func(s *scratch.Repo) { s.Git("tag", "ws-single/v1.10.0") }, "", "NO  the last release is ws-single/v1.10.0: a new version is above it"},
		"the tag exists":       {func(s *scratch.Repo) { s.Git("tag", "ws-single/v1.3.0") }, "", "NO  the tag ws-single/v1.3.0 exists: a version that is released is never changed, take one above v1.3.0"},
		"released already":     {func(*scratch.Repo) {}, "1.2.0", "NO  the tag ws-single/v1.2.0 exists"},
		"a candidate too late": {func(s *scratch.Repo) { s.Git("tag", "ws-single/v1.3.0") }, "1.3.0-rc.1", "NO  the last release is ws-single/v1.3.0"},
		"no heading":           {func(*scratch.Repo) {}, "1.4.0", `NO  ws-single/CHANGELOG.md has no heading "## v1.4.0", its newest is "## v1.3.0 - 2026-11-26": write under it what users see of this version`},
		"a heading that begins alike": {func(s *scratch.Repo) {
			commit(s, "ws-single/CHANGELOG.md", strings.Replace(changelog, "## v1.3.0", "## v1.3.0-rc.1", 1))
		}, "",
			`has no heading "## v1.3.0"`},
		"no heading at all": {func(s *scratch.Repo) { commit(s, "ws-single/CHANGELOG.md", "# Changelog\n\n### v1.3.0\n") }, "", `NO  ws-single/CHANGELOG.md has no heading "## v1.3.0": write`},
		"an old heading": {func(s *scratch.Repo) { commit(s, "ws-single/CHANGELOG.md", "## Unreleased\n\n- This.\n\n"+changelog) }, "",
			`NO  ws-single/CHANGELOG.md has "## v1.3.0" below "## Unreleased": the newest comes first`},
		"an empty heading": {func(s *scratch.Repo) { commit(s, "ws-single/CHANGELOG.md", "## v1.3.0\n\n## v1.2.0\n\n- This.\n") }, "",
			`NO  ws-single/CHANGELOG.md says nothing under "## v1.3.0"`},
		"no changelog": {func(s *scratch.Repo) { s.Git("rm", "--quiet", "ws-single/CHANGELOG.md"); s.Commit("gone") }, "", "NO  ws-single/CHANGELOG.md is missing"},
		"a copy of the kit edited by hand": {func(s *scratch.Repo) {
			commit(s, "ws-single/internal/kit/metric/def.go", s.Read("ws-single/internal/kit/metric/def.go")+"\n// mine\n")
		}, "", "NO  scripts/kit finds something wrong with the copy of the kit in ws-single:\n      ws-single/internal/kit/metric/def.go: was edited by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := clone(t)
			test.spoil(s)
			number := test.number
			if number == "" {
				number = "1.3.0"
			}
			before := s.State()
			c, err := desk(s).Variant(t.Context(), "ws-single", number)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, s, c, before, test.says)
			if !strings.Contains(c.List.String(), "--  true was not run") {
				t.Errorf("the tests were run, though there was no need:\n%s", c.List.String())
			}
		})
	}
}

func refused(t *testing.T, s *scratch.Repo, c *change.Change, before, says string) {
	t.Helper()
	if !strings.Contains(c.List.String(), says) {
		t.Errorf("it says\n%s\nwant %s", c.List.String(), says)
	}
	if err := c.Make(t.Context()); err == nil {
		t.Error("it was made all the same")
	}
	if after := s.State(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// What another variant's copy is like is another variant's matter.
func TestTheOthersCopy(t *testing.T) {
	s := clone(t)
	s.Write("ws-multi/internal/kit/metric/def.go", "package metric\n")
	s.Commit("theirs")
	c, err := desk(s).Variant(t.Context(), "ws-single", "1.3.0")
	if err != nil || !c.List.Met() {
		t.Errorf("%v\n%s", err, c.List.String())
	}
	before := s.State()
	if c, err = desk(s).Kit(t.Context(), "99.0.0"); err != nil {
		t.Fatal(err)
	}
	refused(t, s, c, before, "NO  scripts/kit finds something wrong with the copies of the kit:\n      ws-multi/internal/kit/metric/def.go: was edited by hand")
}

func TestRefusedForItsTests(t *testing.T) {
	s := clone(t)
	var out strings.Builder
	d := desk(s)
	d.Tests, d.Output = []string{"sh", "-c", "echo 2 failed; exit 1"}, &out
	before := s.State()
	c, err := d.Variant(t.Context(), "ws-single", "1.3.0")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s, c, before, "NO  sh -c echo 2 failed; exit 1 failed: exit status 1")
	if c.List.Unmet() != 1 || out.String() != "2 failed\n" {
		t.Errorf("%s\nout: %s", c.List.String(), out.String())
	}
}

func TestWrongUse(t *testing.T) {
	s := clone(t)
	for args, says := range map[string]string{
		"ws-single 1.3":          `"1.3" is no version: write one such as 1.2.3`,
		"ws-single next":         `"next" is no version`,
		"ws-single 1.3.0+5":      `"1.3.0+5" is no version`,
		"ws-none 1.3.0":          `there is no variant "ws-none", there are ws-multi, ws-single`,
		"kit 0.2.0":              "the kit is released by scripts/kit release",
		"ws-single/../kit 1.0.0": "there is no variant",
	} {
		name, number, _ := strings.Cut(args, " ")
		if _, err := desk(s).Variant(t.Context(), name, number); !errors.Is(err, release.ErrUsage) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", args, err)
		}
	}
	for _, number := range []string{"", "0.2", "0.2.0-rc.1"} {
		if _, err := desk(s).Kit(t.Context(), number); !errors.Is(err, release.ErrUsage) {
			t.Errorf("kit %s: %v", number, err)
		}
	}
}

func TestRelease(t *testing.T) {
	for _, number := range []string{"1.3.0", "v1.3.0"} {
		s := clone(t)
		before := s.State()
		c, err := desk(s).Variant(t.Context(), "ws-single", number)
		if err != nil || !c.List.Met() || s.State() != before {
			t.Fatalf("%v\n%s", err, c.List.String())
		}
		want := []string{"write ws-single/VERSION: version v1.3.0, it was v1.2.0", "commit it: ws-single v1.3.0", "tag it: ws-single/v1.3.0"}
		if got := c.Steps(); !slices.Equal(got, want) {
			t.Errorf("it would %q", got)
		}
		if got := release.Push(c); got != "Look at it (git show ws-single/v1.3.0), and push both: git push --atomic origin main ws-single/v1.3.0" {
			t.Errorf("then: %s", got)
		}
		if err := c.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Read("ws-single/VERSION"); got != strings.Replace(file, "v1.2.0", "v1.3.0", 1) {
			t.Errorf("VERSION is\n%s", got)
		}
		if got := s.Git("show", "--format=%s", "--name-only", "HEAD"); got != "ws-single v1.3.0\n\nws-single/VERSION" {
			t.Errorf("committed\n%s", got)
		}
		if got := s.Git("for-each-ref", "--format=%(objecttype) %(contents)", "refs/tags/ws-single/v1.3.0"); got != "tag ws-single v1.3.0\n\n### Added\n\n- It does more." {
			t.Errorf("the tag is\n%s", got)
		}
		if s.Git("rev-parse", "ws-single/v1.3.0^{commit}") != s.Git("rev-parse", "HEAD") || s.Git("status", "--porcelain") != "" {
			t.Error("the tag is of another commit, or something is left")
		}
		// It can be pushed as it says.
		s.Git("push", "--quiet", "--atomic", "origin", "main", "ws-single/v1.3.0")
	}
}

// VERSION may have been raised with the change that asked for it; the first release is one of those.
func TestReleaseOfWhatVersionSays(t *testing.T) {
	s := clone(t)
	s.Git("tag", "--delete", "ws-single/v1.2.0", "ws-single/v1.2.0-rc.1")
	s.Write("ws-single/CHANGELOG.md", "## v1.2.0\n\n- It is new.\n")
	s.Commit("first")
	head := s.Git("rev-parse", "HEAD")
	c, err := desk(s).Variant(t.Context(), "ws-single", "1.2.0")
	if err != nil || !c.List.Met() || !strings.Contains(c.List.String(), "ok  ws-single was never released") {
		t.Fatalf("%v\n%s", err, c.List.String())
	}
	if err := c.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Git("rev-parse", "HEAD") != head || s.Git("rev-parse", "ws-single/v1.2.0^{commit}") != head {
		t.Error("there is a commit, or the tag is of another")
	}
}

func TestKit(t *testing.T) {
	s := scratch.This(t, func(root string) {
		text, err := os.ReadFile(filepath.Join(root, "kit/CHANGELOG.md"))
		if err != nil {
			t.Fatal(err)
		}
		scratch.Write(t, root, "kit/CHANGELOG.md", strings.Replace(string(text), "\n## ", "\n## v99.1.0\n\n- A metric.\n\n## ", 1))
	})
	now := strings.TrimSpace(s.Read("kit/VERSION"))
	s.Git("tag", "kit/"+now)
	s.Git("tag", "ws-single/v100.0.0")
	before := s.State()
	for number, says := range map[string]string{
		strings.TrimPrefix(now, "v"): "NO  the tag kit/" + now + " exists",
		"0.0.1":                      "NO  kit/VERSION says " + now + " already",
		"99.2.0":                     `NO  kit/CHANGELOG.md has no heading "## v99.2.0", its newest is "## v99.1.0"`,
	} {
		c, err := desk(s).Kit(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, s, c, before, says)
	}
	c, err := desk(s).Kit(t.Context(), "99.1.0")
	if err != nil || !c.List.Met() {
		t.Fatalf("%v\n%s", err, c.List.String())
	}
	if err := c.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Read("kit/VERSION"); got != "v99.1.0\n" {
		t.Errorf("VERSION is %q", got)
	}
	if got := s.Git("for-each-ref", "--format=%(objecttype) %(contents)", "refs/tags/kit/v99.1.0"); got != "tag kit v99.1.0\n\n- A metric." {
		t.Errorf("the tag is\n%s", got)
	}
	// The tag has what variants take from it.
	cmd := exec.CommandContext(t.Context(), kit, "check")
	cmd.Dir = s.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("scripts/kit check: %v\n%s", err, out)
	}
	cmd = exec.CommandContext(t.Context(), kit, "vendor", "--version", now)
	cmd.Dir = s.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("scripts/kit vendor: %v\n%s", err, out)
	}
	if got := s.Git("status", "--porcelain"); got != "" {
		t.Errorf("left: %s", got)
	}
}

// By itself it asks scripts/kit, as it stands in the repository, and parts that scripts/test has.
func TestTheToolsItself(t *testing.T) {
	s := clone(t)
	s.Write("ws-single/internal/kit/metric/def.go", "package metric\n")
	s.Commit("by hand")
	d := desk(s)
	d.Copies = nil
	c, err := d.Variant(t.Context(), "ws-single", "1.3.0")
	if err != nil || !strings.Contains(c.List.String(), "ws-single/internal/kit/metric/def.go: was edited by hand") {
		t.Errorf("%v\n%s", err, c.List.String())
	}

	d.Tests = nil
	if c, err = d.Variant(t.Context(), "ws-single", "1.3.0"); err != nil || !strings.Contains(c.List.String(), "--  scripts/test ws-single kit-copies was not run") {
		t.Errorf("%v\n%s", err, c.List.String())
	}
	if c, err = d.Kit(t.Context(), "99.0.0"); err != nil || !strings.Contains(c.List.String(), "--  scripts/test kit kit-copies was not run") {
		t.Errorf("%v\n%s", err, c.List.String())
	}
	list, err := exec.CommandContext(t.Context(), "../../test", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for line := range strings.Lines(string(list)) {
		parts = append(parts, strings.Fields(line)[0])
	}
	for _, part := range slices.Concat(change.Tests("ws-single")[1:], change.Tests("ws-multi")[1:], change.Tests("kit")[1:]) {
		if !slices.Contains(parts, part) {
			t.Errorf("scripts/test has no part %s, it has %v", part, parts)
		}
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	s := clone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := desk(s).Variant(ctx, "ws-single", "1.3.0"); err == nil {
		t.Error("it went on")
	}
}
