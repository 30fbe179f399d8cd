package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/conformance"
	"github.com/adred-codev/ws_poc/scripts/internal/fault"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// What the threat model names as its proof is there: cases by their clauses, faults, files of scripts/e2e, packages of both
// variants.
func TestProofsOfTheThreatModelExist(t *testing.T) {
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, ".github", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\|.*\| ([^|]+) \|$`).FindAllStringSubmatch(string(text), -1)
	proofs := 0
	for _, row := range rows {
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			if proof(t, root, quoted[1]) {
				proofs++
			}
		}
	}
	if proofs < 30 {
		t.Errorf("%d proofs are known as such: the table is not read as it is written", proofs)
	}
}

// proof reports whether a text names a proof, which then has to exist.
func proof(t *testing.T, root, name string) bool {
	t.Helper()
	kind, what, _ := strings.Cut(name, " ")
	switch {
	case kind == "conformance":
		if _, err := conformance.Choose(conformance.Cases(), what); err != nil {
			t.Error(err)
		}
	case kind == "faults":
		if _, unknown := fault.Choose(fault.Faults(), what); len(unknown) > 0 {
			t.Errorf("there is no fault %s", what)
		}
	case strings.HasSuffix(name, "_test.go"):
		exists(t, filepath.Join(root, "scripts", "e2e", name))
	case strings.HasPrefix(name, "internal/"):
		exists(t, filepath.Join(root, "ws-single", name))
		exists(t, filepath.Join(root, "ws-multi", name))
	case strings.HasPrefix(name, "scripts/internal/"):
		exists(t, filepath.Join(root, name))
	default:
		return false
	}
	return true
}

func exists(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
