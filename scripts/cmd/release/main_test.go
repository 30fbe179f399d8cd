package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/release"
	"github.com/adred-codev/ws_poc/scripts/internal/scratch"
)

func TestMain(m *testing.M) {
	if err := scratch.Alone(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// Each is tried in a clone in which nothing else is wrong; what release itself refuses is tested in internal/release.
func TestRelease(t *testing.T) {
	s := scratch.This(t, func(root string) {
		scratch.Write(t, root, "ws-single/VERSION", "architecture: one\nversion: v1.2.0\nstatus: production\noptimized_for: tests\nmax_connections: 12000\ncpu_cores: 1\n")
		scratch.Write(t, root, "ws-single/CHANGELOG.md", "## v1.3.0\n\n- It does more.\n")
	})
	for _, step := range []struct {
		args string
		code int
		says string
		tags string
	}{
		{"--help", 0, "scripts/release ws-single 1.3.0\n", ""},
		{"ws-single 1.3.0 -h", 0, "-yes", ""},
		{"", 2, "release: say what and in which version, such as: scripts/release ws-single 1.3.0", ""},
		{"ws-single", 2, "say what and in which version", ""},
		{"ws-single 1.3.0 1.4.0", 2, "say what and in which version", ""},
		{"ws-single one", 2, `release: "one" is no version`, ""},
		{"ws-none 1.3.0", 2, `release: there is no variant "ws-none"`, ""},
		{"ws-single 1.3.0 --nope", 2, "-nope; scripts/release --help", ""},
		{"ws-single 1.3.0 --yes --dry-run", 2, "leave one out", ""},
		{"ws-single 1.4.0 --yes", 1, "release: no, for what is marked NO above; nothing was changed", ""},
		{"ws-single 1.3.0", 0, "it would\n  write ws-single/VERSION: version v1.3.0, it was v1.2.0\n", ""},
		{"--dry-run ws-single 1.3.0", 0, "Nothing was changed. With --yes it is.", ""},
		{"ws-single/ 1.3.0 --yes", 0, "git push --atomic origin main ws-single/v1.3.0", "ws-single/v1.3.0"},
		{"ws-single 1.3.0 --yes", 1, "NO  the tag ws-single/v1.3.0 exists", "ws-single/v1.3.0"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), &release.Desk{Root: s.Root, Tests: []string{"true"}}, strings.Fields(step.args), &out, &errs)
		if says := out.String() + errs.String(); code != step.code || !strings.Contains(says, step.says) || s.Git("tag", "--list") != step.tags {
			t.Errorf("%s: code %d, tags %s\n%s", step.args, code, s.Git("tag", "--list"), says)
		}
	}
}
