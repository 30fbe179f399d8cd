package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/promotion"
	"github.com/adred-codev/ws_poc/scripts/internal/scratch"
)

func TestMain(m *testing.M) {
	if err := scratch.Alone(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// clone is a repository in which ws-multi is experimental, with the limits of this one.
func clone(t *testing.T) *scratch.Repo {
	t.Helper()
	limits, err := os.ReadFile("../../../deploy/limits.yml")
	if err != nil {
		t.Fatal(err)
	}
	return scratch.New(t, func(root string) {
		for path, text := range map[string]string{
			"ws-single/VERSION": "architecture: single-core\nversion: v1.0.0\nstatus: production\noptimized_for: tests\nmax_connections: 12000\ncpu_cores: 1\n",
			"ws-multi/VERSION":  "architecture: multi-core\nversion: v0.1.0\nstatus: experimental\noptimized_for: tests\nmax_connections: 50000\ncpu_cores: 4\n",
			"deploy/limits.yml": string(limits),
		} {
			scratch.Write(t, root, path, text)
		}
		if err := os.Symlink("ws-single", filepath.Join(root, "ws")); err != nil {
			t.Fatal(err)
		}
	})
}

// call is one call in a repository: its exit code and what it says.
func call(t *testing.T, s *scratch.Repo, args string) (code int, says string) {
	t.Helper()
	var out, errs strings.Builder
	code = run(t.Context(), &promotion.Desk{Root: s.Root, Output: &errs}, strings.Fields(args), &out, &errs)
	return code, out.String() + errs.String()
}

func TestUsage(t *testing.T) {
	s := clone(t)
	before := s.State()
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"--help":                         {0, "scripts/promote --candidate ws-multi --yes"},
		"ws-multi -h":                    {0, "--rollback"},
		"":                               {2, "name one variant, such as: scripts/promote ws-multi"},
		"ws-multi ws-single":             {2, "name one variant"},
		"--nope":                         {2, "-nope; scripts/promote --help"},
		"ws-none":                        {2, `there is no such variant: "ws-none"; there are ws-multi, ws-single`},
		"--candidate ws-none":            {2, "there is no such variant"},
		"--candidate":                    {2, "name one variant"},
		"--rollback ws-single":           {2, "--rollback goes to the variant on standby: leave ws-single out"},
		"--rollback --candidate":         {2, "--candidate and --rollback are two things"},
		"--rollback --parity x":          {2, "--parity and --bench are for a promotion"},
		"--candidate ws-multi --bench x": {2, "--parity and --bench are for a promotion"},
		"ws-multi --yes --dry-run":       {2, "--yes does it and --dry-run does not"},
		"ws-multi --parity nowhere":      {1, "read parity report"},
	} {
		code, says := call(t, s, args)
		if code != want.code || !strings.Contains(says, want.says) {
			t.Errorf("%s: code %d, %s", args, code, says)
		}
		if s.State() != before {
			t.Fatalf("%s changed something", args)
		}
	}
}

// Paths are the caller's, whose folder the wrapper has left.
func TestPathsAreTheCallers(t *testing.T) {
	t.Setenv("CALLER_DIR", "/somewhere")
	o, err := parse(strings.Fields("ws-multi/ --parity a.json --bench b.json --bench /c.json"), nil)
	if err != nil || o.variant != "ws-multi" || o.evidence.Parity != "/somewhere/a.json" || strings.Join(o.evidence.Bench, " ") != "/somewhere/b.json /c.json" {
		t.Errorf("%+v, %v", o, err)
	}
}

// A whole life without evidence: what a variant lacks is said, it becomes a candidate, and gets no further.
func TestLife(t *testing.T) {
	s := clone(t)
	head := func() string { return s.Git("log", "-1", "--format=%s") }
	for _, step := range []struct {
		args string
		code int
		says []string
		head string
	}{
		{"ws-multi --yes", 1, []string{
			"  ok  the work tree is as it is committed\n  ok  the branch is main, with all that origin/main had at the last fetch\n  ok  in production is ws-single v1.0.0\n",
			"  NO  ws-multi v0.1.0 is experimental, neither candidate nor standby",
			"  NO  parity: there is no report of ws-multi and ws-single",
			"  NO  bench, broadcast: there is no result",
			"  --  scripts/test ws-multi kit-copies was not run",
			"promote: no, for what is marked NO above; nothing was changed",
		}, "first"},
		{"ws-multi --candidate", 0, []string{"it would\n  write ws-multi/VERSION: status candidate, it was experimental\n  commit it: promote: ws-multi is a candidate\n", "Nothing was changed. With --yes it is."}, "first"},
		{"--candidate ws-multi --dry-run", 0, []string{"it would\n"}, "first"},
		{"--candidate ws-multi --yes", 0, []string{"done:\n", "Look at it (git show --stat), and push it."}, "promote: ws-multi is a candidate"},
		{"--candidate ws-multi --yes", 1, []string{"NO  ws-multi is candidate already"}, "promote: ws-multi is a candidate"},
		{"ws-multi", 1, []string{"  ok  ws-multi v0.1.0 is candidate\n"}, "promote: ws-multi is a candidate"},
		{"--rollback --yes", 1, []string{"NO  no VERSION says standby"}, "promote: ws-multi is a candidate"},
		{"ws-single --yes", 1, []string{"NO  ws-single is in production already"}, "promote: ws-multi is a candidate"},
	} {
		code, says := call(t, s, step.args)
		if code != step.code || head() != step.head {
			t.Errorf("%s: code %d, head %s\n%s", step.args, code, head(), says)
		}
		for _, want := range step.says {
			if !strings.Contains(says, want) {
				t.Errorf("%s: it does not say %q\n%s", step.args, want, says)
			}
		}
	}
	s.Write("ws-multi/VERSION", strings.Replace(s.Read("ws-multi/VERSION"), "candidate", "standby", 1))
	s.Commit("as after a promotion")
	if code, says := call(t, s, "--rollback"); code != 0 || !strings.Contains(says, "turn the link ws from ws-single to ws-multi") || head() != "as after a promotion" {
		t.Errorf("code %d\n%s", code, says)
	}
	if code, says := call(t, s, "--rollback --yes"); code != 0 || head() != "promote: back to ws-multi, ws-single stands by" {
		t.Errorf("code %d\n%s", code, says)
	}
}
