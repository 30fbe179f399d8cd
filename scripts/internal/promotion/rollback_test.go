package promotion

import (
	"errors"
	"strings"
	"testing"
)

func TestRollbackRefusals(t *testing.T) {
	standby := func(w *world) {
		w.Write("ws-multi/VERSION", strings.Replace(multi, "candidate", "standby", 1))
		w.Commit("standby")
	}
	for name, test := range map[string]struct {
		spoil func(*world)
		says  string
	}{
		"nothing to go back to": {func(*world) {}, "NO  no VERSION says standby: there is nothing to go back to"},
		"two to go back to": {func(w *world) {
			standby(w)
			w.Write("ws-third/VERSION", strings.Replace(multi, "candidate", "standby", 1))
			w.Commit("another")
		}, "NO  ws-multi and ws-third are both on standby"},
		"none in production": {func(w *world) {
			standby(w)
			w.Write("ws-single/VERSION", strings.Replace(single, "production", "candidate", 1))
			w.Commit("by hand")
		}, "NO  ws points at ws-single, and its VERSION says candidate"},
		"a VERSION is changed": {func(w *world) {
			standby(w)
			w.Write("ws-multi/VERSION", strings.Replace(multi, "candidate", "standby", 1)+"# x\n")
		},
			"NO  ws-multi/VERSION is changed and in no commit"},
		"no branch":           {func(w *world) { standby(w); w.Git("switch", "--quiet", "--detach") }, "NO  no branch is checked out"},
		"behind its upstream": {func(w *world) { standby(w); w.Others() }, "NO  main lacks a commit of origin/main: git pull --ff-only"},
		"a bisection":         {func(w *world) { standby(w); w.Git("bisect", "start") }, "NO  a bisection is not finished"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.spoil(w)
			before := w.State()
			c, err := w.desk(nil).Rollback(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(c.List.String(), test.says) {
				t.Errorf("it says\n%s", c.List.String())
			}
			if err := c.Make(t.Context()); err == nil || w.State() != before {
				t.Errorf("%v\n%s", err, w.State())
			}
		})
	}
}

// Going back is for bad moments: work that is in no commit is left alone, and in nobody's way.
func TestRollbackBesideWork(t *testing.T) {
	w := newWorld(t)
	w.Write("ws-multi/VERSION", strings.Replace(multi, "candidate", "standby", 1))
	w.Commit("standby")
	w.Write("ws-single/main.go", "package main // half done\n")
	w.Write("README.md", "staged\n")
	w.Git("add", "README.md")
	w.forget(parityFolder)
	w.forget(benchFolder)
	c, err := w.desk(nil).Rollback(t.Context())
	if err != nil || !c.List.Met() {
		t.Fatalf("%v\n%s", err, c.List.String())
	}
	if err := c.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.is("ws-multi", "v0.1.0", "v1.0.0")
	if got := w.Git("show", "--format=", "--name-only"); got != "ws\nws-multi/VERSION\nws-single/VERSION" {
		t.Errorf("committed\n%s", got)
	}
	if got := w.Git("status", "--porcelain"); got != "M  README.md\n M ws-single/main.go" {
		t.Errorf("left\n%s", got)
	}
}

func TestCandidate(t *testing.T) {
	for name, test := range map[string]struct {
		status, variant, says string
		is                    error
	}{
		"from experimental":  {"experimental", "ws-multi", "", nil},
		"already":            {"candidate", "ws-multi", "NO  ws-multi is candidate already: scripts/promote ws-multi promotes it", nil},
		"on standby":         {"standby", "ws-multi", "NO  ws-multi is standby already", nil},
		"in production":      {"experimental", "ws-single", "NO  ws-single is in production", nil},
		"both in production": {"production", "ws-multi", "NO  the VERSION of ws-multi says production, and ws points at ws-single", nil},
		"no such variant":    {"experimental", "ws-none", "", ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Write("ws-multi/VERSION", "# a remark\n"+strings.Replace(multi, "candidate", test.status, 1))
			w.Git("add", "--all")
			w.Git("commit", "--quiet", "--allow-empty", "--message=status")
			before := w.State()
			c, err := w.desk(nil).Candidate(t.Context(), test.variant)
			if test.is != nil {
				if !errors.Is(err, test.is) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if test.says != "" {
				if err := c.Make(t.Context()); err == nil || !strings.Contains(c.List.String(), test.says) || w.State() != before {
					t.Errorf("%v\n%s", err, c.List.String())
				}
				return
			}
			if err := c.Make(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.Read("ws-multi/VERSION"); got != "# a remark\n"+multi || w.Git("status", "--porcelain") != "" {
				t.Errorf("%s", got)
			}
		})
	}
}
