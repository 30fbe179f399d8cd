package workflow

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// actionlint is run by its version, in a module of its own: its YAML library is another than the one that scripts/tools has.
const actionlint = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"

func lint(t *testing.T, stdin string, args ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", actionlint, "-no-color"}, args...)...)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdin = strings.NewReader(stdin)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		return out.String() + trouble.String(), err
	}
	return out.String(), nil
}

func TestActionlint(t *testing.T) {
	if said, err := lint(t, ""); err != nil || said != "" {
		t.Errorf("%v\n%s", err, said)
	}
	// It finds what is wrong: a need of a job that is not there, and a stranger's words in a script.
	ci := readFile(t, ".github", "workflows", "ci.yml")
	for _, wrong := range []struct{ have, want, says string }{
		{"needs: [changed, parts, images]", "needs: [changed, piece, images]", `job "piece"`},
		{`run: chown -R "$(id -u):$(id -g)" "$GITHUB_WORKSPACE"`, "run: echo ${{ github.event.pull_request.title }}", "potentially untrusted"},
		{"needs.changed.outputs.images != '[]'", "needs.changed.outputs.pictures != '[]'", `property "pictures"`},
	} {
		broken := strings.Replace(ci, wrong.have, wrong.want, 1)
		if broken == ci {
			t.Fatalf("ci.yml has no %q", wrong.have)
		}
		if said, err := lint(t, broken, "-"); err == nil || !strings.Contains(said, wrong.says) {
			t.Errorf("with %q: %v\n%s", wrong.want, err, said)
		}
	}
}
