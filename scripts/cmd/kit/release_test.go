package main

import (
	"errors"
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

func TestRelease(t *testing.T) {
	s := scratch.This(t, func(root string) {
		scratch.Write(t, root, "kit/CHANGELOG.md", "# Changelog of kit\n\n## v99.1.0\n\n- A metric.\n")
	})
	for _, step := range []struct {
		args string
		err  error
		says string
		tags string
	}{
		{"", errUsage, "say in which version", ""},
		{"99.1.0 99.2.0", errUsage, "say in which version", ""},
		{"99.1", errUsage, `"99.1" is no version`, ""},
		{"99.1.0-rc.1", errUsage, "99.1.0-rc.1 is no version of the kit", ""},
		{"99.1.0 --nope", errUsage, "nope", ""},
		{"99.1.0 --yes --dry-run", errUsage, "--yes does it", ""},
		{"99.2.0 --yes", nil, `NO  kit/CHANGELOG.md has no heading "## v99.2.0"`, ""},
		{"99.2.0 --yes", nil, "no, for what is marked NO above", ""},
		{"99.1.0", nil, "it would\n  write kit/VERSION: version v99.1.0", ""},
		{"--yes v99.1.0", nil, "git push --atomic origin main kit/v99.1.0", "kit/v99.1.0"},
	} {
		var out strings.Builder
		err := releaseAt(t.Context(), &release.Desk{Root: s.Root, Tests: []string{"true"}}, strings.Fields(step.args), &out)
		if err != nil {
			out.WriteString(err.Error())
		}
		if errors.Is(err, errUsage) != (step.err != nil) || !strings.Contains(out.String(), step.says) || s.Git("tag", "--list") != step.tags {
			t.Errorf("%s: %v, tags %s\n%s", step.args, err, s.Git("tag", "--list"), out.String())
		}
	}
	if got := s.Read("kit/VERSION"); got != "v99.1.0\n" {
		t.Errorf("VERSION is %q", got)
	}
}

// The command line comes to it: the exit code, the help, and that the example can be understood.
func TestReleaseCommand(t *testing.T) {
	root := clone(t)
	if code, out, _ := call(t, root, "release", "--help"); code != 0 || !strings.Contains(out, "scripts/kit release 0.2.0") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, errs := call(t, root, "release"); code != 2 || !strings.Contains(errs, "usage: scripts/kit release") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := call(t, root, "release", "0.2.0"); code != 1 || !strings.Contains(errs, "kit release: open repository") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, help, _ := call(t, root); help != "" {
		t.Errorf("out: %s", help)
	}
}
