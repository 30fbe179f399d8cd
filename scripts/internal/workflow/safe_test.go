package workflow

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
)

// uses is a line that names an action: owner and repository, a commit, and the version it is.
var uses = regexp.MustCompile(`^\s*(?:- )?uses: ([\w.-]+/[\w.-]+)(/[\w./-]+)?@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$`)

// unpinned says which lines of a workflow name an action otherwise. seen has what is known of actions, by name, and gets more.
func unpinned(text string, seen map[string]string) (faults []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		_, what, ok := strings.Cut(line, "uses:")
		if !ok || strings.HasPrefix(strings.TrimSpace(line), "#") || strings.HasPrefix(strings.TrimSpace(what), "./") {
			continue
		}
		m := uses.FindStringSubmatch(line)
		if m == nil {
			faults = append(faults, strings.TrimSpace(line)+": not pinned by a commit with its version behind")
			continue
		}
		pin := m[3] + " " + m[4]
		if other, ok := seen[m[1]]; ok && other != pin {
			faults = append(faults, fmt.Sprintf("%s is %s here and %s elsewhere", m[1], pin, other))
		}
		seen[m[1]] = pin
	}
	return faults
}

func TestPins(t *testing.T) {
	seen := map[string]string{}
	for name, text := range files(t) {
		for _, fault := range unpinned(text, seen) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %v is seen", seen)
	}
	const hash = "0123456789012345678901234567890123456789"
	for _, line := range []string{
		"- uses: actions/checkout@v6",
		"- uses: actions/checkout@" + hash,
		"- uses: actions/checkout@" + hash + " # v6",
		"- uses: actions/checkout@" + hash[1:] + " # v6.0.2",
		"  uses: actions/checkout@main # v6.0.2",
		"  uses: docker://alpine:3",
		"- uses: a/b@" + hash + " # v1.0.0\n- uses: a/b/c@1" + hash[1:] + " # v1.0.0",
	} {
		if faults := unpinned(line, map[string]string{}); len(faults) != 1 {
			t.Errorf("%q: %v", line, faults)
		}
	}
}

// A workflow may read the code; a job that may do more says so itself. Nothing of a stranger's reaches a shell.
func TestSafe(t *testing.T) {
	allowed := map[string]map[string]string{
		"release.yml build":   {"contents": "read", "packages": "write"},
		"release.yml publish": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
		"release.yml release": {"contents": "write", "packages": "read"},
	}
	for name := range files(t) {
		w := load(t, name)
		if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
			t.Errorf("%s may do %v", name, w.Permissions)
		}
		if w.Defaults.Run.Shell != "bash" {
			t.Errorf("%s runs scripts in %q: in a container that is sh, which goes on after a failure in a pipe", name, w.Defaults.Run.Shell)
		}
		for _, forbidden := range []string{"pull_request_target", "workflow_run", "issue_comment"} {
			if _, ok := w.On[forbidden]; ok {
				t.Errorf("%s runs on %s, with rights, on what strangers send", name, forbidden)
			}
		}
		for id, j := range w.Jobs {
			if want := allowed[name+" "+id]; !maps.Equal(j.Permissions, want) {
				t.Errorf("%s: job %s may do %v, want %v", name, id, j.Permissions, want)
			}
			if j.Uses == "" && j.Timeout == "" {
				t.Errorf("%s: job %s may run for six hours", name, id)
			}
			for _, s := range j.Steps {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s: job %s puts an expression into a script: %s", name, id, s.Run)
				}
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
					t.Errorf("%s: job %s leaves its token in the checkout", name, id)
				}
			}
		}
	}
}
