package workflow

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// workflow is what tests look at in one.
type workflow struct {
	On          map[string]*trigger
	Permissions map[string]string
	Defaults    struct{ Run struct{ Shell string } }
	Jobs        map[string]job
}

type trigger struct {
	Paths, Branches, Tags []string
	PathsIgnore           []string `yaml:"paths-ignore"`
}

// UnmarshalYAML takes the list of a schedule, too, of which nothing is looked at.
func (t *trigger) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return nil
	}
	type plain trigger
	return node.Decode((*plain)(t))
}

type job struct {
	If          string
	Needs       list
	Uses        string
	With        map[string]string
	Container   container
	RunsOn      string `yaml:"runs-on"`
	Strategy    struct{ Matrix map[string]axis }
	Permissions map[string]string
	Timeout     string `yaml:"timeout-minutes"`
	Steps       []step
}

type step struct {
	ID, Name, Uses, Run string
	With, Env           map[string]string
}

// list is one text, or several.
type list []string

func (l *list) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = list{node.Value}
		return nil
	}
	return node.Decode((*[]string)(l))
}

// axis is what a matrix has under a name: a list of words, one of combinations, or an expression that makes a list.
type axis struct {
	Text   string
	Values []string
	Maps   []map[string]string
}

func (a *axis) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		a.Text = node.Value
		return nil
	}
	if len(node.Content) > 0 && node.Content[0].Kind == yaml.MappingNode {
		return node.Decode(&a.Maps)
	}
	return node.Decode(&a.Values)
}

// container is an image, by itself or with options.
type container struct{ Image, Options string }

func (c *container) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		c.Image = node.Value
		return nil
	}
	type plain container
	return node.Decode((*plain)(c))
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are the workflows' texts, by file name.
func files(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root(t), ".github", "workflows"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		all[e.Name()] = readFile(t, ".github", "workflows", e.Name())
	}
	return all
}

func load(t *testing.T, name string) workflow {
	t.Helper()
	var w workflow
	if err := yaml.Unmarshal([]byte(readFile(t, ".github", "workflows", name)), &w); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w
}

// parts are the names that scripts/test lists, without and with those that take long.
func parts(t *testing.T) (usual, all []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(root(t), "scripts", "test"), "--list").Output()
	if err != nil {
		t.Fatalf("scripts/test --list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		name, about, _ := strings.Cut(line, " ")
		all = append(all, name)
		if !strings.HasSuffix(strings.TrimSpace(about), "(--full)") {
			usual = append(usual, name)
		}
	}
	return usual, all
}

// script is the one step of a job that has the name or identifier.
func script(t *testing.T, file, job, name string) step {
	t.Helper()
	steps := load(t, file).Jobs[job].Steps
	i := slices.IndexFunc(steps, func(s step) bool { return s.Run != "" && (s.ID == name || s.Name == name) })
	if i < 0 {
		t.Fatalf("%s: job %s has no step %q with a script", file, job, name)
	}
	return steps[i]
}

// runStep runs a step's script as GitHub does where shell is bash
// (docs.github.com/actions/reference/workflow-syntax-for-github-actions#jobsjob_idstepsshell). Each of the step's variables must
// be given, and no other is.
func runStep(t *testing.T, s step, dir string, env map[string]string) (outputs, said string, err error) {
	t.Helper()
	output := filepath.Join(t.TempDir(), "output")
	set := append(os.Environ(), "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+output+".summary", "GITHUB_RUN_ID=17")
	for name := range s.Env {
		value, given := env[name]
		if !given {
			t.Fatalf("the step wants %s", name)
		}
		set = append(set, name+"="+value)
	}
	if len(env) != len(s.Env) {
		t.Fatalf("the step wants %d variables, and gets %v", len(s.Env), env)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
	cmd.Dir, cmd.Env = dir, set
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	err = cmd.Run()
	text, readErr := os.ReadFile(output)
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	return string(text), all.String(), err
}

// output is the value of a line NAME=VALUE.
func output(t *testing.T, outputs, name string) string {
	t.Helper()
	for line := range strings.Lines(outputs) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+"="); ok {
			return value
		}
	}
	t.Fatalf("there is no output %s among\n%s", name, outputs)
	return ""
}
