package workflow

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// owner is a line of CODEOWNERS.
type owner struct {
	pattern string
	teams   []string
}

var team = regexp.MustCompile(`^@adred-codev/[a-z-]+$`)

// readOwners reads CODEOWNERS in the form that is used here: the one pattern * for the rest, and paths from the top.
func readOwners(text string) (all []owner, err error) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		o := owner{fields[0], fields[1:]}
		if o.pattern != "*" && !strings.HasPrefix(o.pattern, "/") || strings.ContainsAny(o.pattern[1:], "*?[") {
			return nil, fmt.Errorf("%s is neither * nor a path from the top", o.pattern)
		}
		if len(o.teams) == 0 {
			return nil, fmt.Errorf("%s has no owner", o.pattern)
		}
		for _, name := range o.teams {
			if !team.MatchString(name) {
				return nil, fmt.Errorf("%s has the owner %s, which is no team", o.pattern, name)
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// ownersOf are the teams of a path from the top: the last line that matches counts
// (docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners).
func ownersOf(all []owner, name string) (teams []string) {
	for _, o := range all {
		if o.pattern == "*" || "/"+name == o.pattern || strings.HasSuffix(o.pattern, "/") && strings.HasPrefix("/"+name, o.pattern) {
			teams = o.teams
		}
	}
	return teams
}

func TestCodeOwners(t *testing.T) {
	all, err := readOwners(readFile(t, ".github", "CODEOWNERS"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all[1:] {
		info, err := os.Lstat(filepath.Join(root(t), o.pattern))
		if err != nil || info.IsDir() != strings.HasSuffix(o.pattern, "/") {
			t.Errorf("%s is not there (%v), or is no folder", o.pattern, err)
		}
	}
	for name, want := range map[string]string{
		"ws-single/main.go": "@adred-codev/ws-single", "ws-single/internal/kit/KIT_VERSION": "@adred-codev/ws-single",
		"ws-multi/VERSION": "@adred-codev/ws-multi", "kit/PROTOCOL.md": "@adred-codev/ws-platform", "deploy/kubernetes/README.md": "@adred-codev/ws-platform",
		"scripts/test": "@adred-codev/ws-platform", ".github/CODEOWNERS": "@adred-codev/ws-platform", "ws": "@adred-codev/ws-platform", "go.work": "@adred-codev/ws-platform",
	} {
		if got := ownersOf(all, name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s belongs to %v, want %s", name, got, want)
		}
	}
	for _, text := range []string{"*\n", "ws-single/ @adred-codev/a\n", "/ws-*/ @adred-codev/a\n", "/ws someone@example.com\n", "/ws @somebody\n"} {
		if got, err := readOwners(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// manifests are the files that an ecosystem of Dependabot looks for in a folder.
var manifests = map[string]*regexp.Regexp{
	"gomod":          regexp.MustCompile(`^go\.mod$`),
	"npm":            regexp.MustCompile(`^package\.json$`),
	"pip":            regexp.MustCompile(`^requirements\.txt$`),
	"maven":          regexp.MustCompile(`^pom\.xml$`),
	"docker":         regexp.MustCompile(`(^|\.)Dockerfile$`),
	"docker-compose": regexp.MustCompile(`^compose\.yaml$`),
}

// Everything with dependencies is looked after, and nothing that is not there.
func TestDependabot(t *testing.T) {
	var config struct {
		Version int
		Updates []struct {
			Ecosystem string `yaml:"package-ecosystem"`
			Directory string
			Schedule  struct{ Interval string }
			Groups    map[string]struct {
				Types []string `yaml:"update-types"`
			}
			Message struct{ Prefix string } `yaml:"commit-message"`
		}
	}
	strict(t, readFile(t, ".github", "dependabot.yml"), &config)
	// What git knows, and what is new.
	out, err := exec.CommandContext(t.Context(), "git", "-C", root(t), "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"github-actions /": true}
	for name := range strings.SplitSeq(strings.Trim(string(out), "\x00"), "\x00") {
		for ecosystem, manifest := range manifests {
			if manifest.MatchString(path.Base(name)) {
				want[ecosystem+" /"+path.Dir(name)] = true
			}
		}
	}
	for _, u := range config.Updates {
		place := u.Ecosystem + " " + u.Directory
		if !want[place] {
			t.Errorf("%s: nothing is there, or it stands there twice", place)
		}
		delete(want, place)
		if u.Schedule.Interval != "weekly" || len(u.Groups["minor"].Types) != 2 || u.Message.Prefix == "" {
			t.Errorf("%s: %+v", place, u)
		}
	}
	for place := range want {
		t.Errorf("%s is not looked after", place)
	}
}

// strict decodes a document that has no other fields than v.
func strict(t *testing.T, text string, v any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		t.Error(err)
	}
}

// form is one for issues
// (docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema).
type form struct {
	Name, Description, Title string
	Labels                   []string
	Body                     []struct {
		Type, ID   string
		Attributes struct {
			Label, Description, Value, Render string
			Options                           []string
		}
		Validations struct{ Required bool }
	}
}

func TestIssueForms(t *testing.T) {
	for _, name := range []string{"bug.yml", "change.yml"} {
		var f form
		strict(t, readFile(t, ".github", "ISSUE_TEMPLATE", name), &f)
		if f.Name == "" || f.Description == "" || len(f.Labels) == 0 {
			t.Errorf("%s has no name, description or label", name)
		}
		seen := map[string]bool{}
		asked := 0
		for i, b := range f.Body {
			switch {
			case b.Type == "markdown" && b.Attributes.Value != "" && b.ID == "":
				continue
			case b.Type == "dropdown" && len(b.Attributes.Options) < 2, !slices.Contains([]string{"input", "textarea", "dropdown"}, b.Type), b.Attributes.Label == "", b.ID == "", seen[b.ID]:
				t.Errorf("%s: what is number %d? %+v", name, i+1, b)
			}
			seen[b.ID] = true
			asked++
		}
		if asked < 3 {
			t.Errorf("%s asks %d things", name, asked)
		}
	}
	var config struct {
		Blank    bool                                `yaml:"blank_issues_enabled"`
		Contacts []struct{ Name, URL, About string } `yaml:"contact_links"`
	}
	strict(t, readFile(t, ".github", "ISSUE_TEMPLATE", "config.yml"), &config)
	for _, c := range config.Contacts {
		if !strings.Contains(readFile(t, ".github", "SECURITY.md"), c.URL) {
			t.Errorf("SECURITY.md says nothing of %s", c.URL)
		}
	}
}

// Commands that contributors are told are there.
func TestCommands(t *testing.T) {
	command := regexp.MustCompile(`\bscripts/([a-z0-9]+)\b`)
	for _, file := range []string{".github/CONTRIBUTING.md", ".github/pull_request_template.md", ".github/SECURITY.md"} {
		for _, m := range command.FindAllStringSubmatch(readFile(t, file), -1) {
			if _, err := os.Stat(filepath.Join(root(t), "scripts", m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for _, want := range []string{"scripts/test $(scripts/changed --names)", "CHANGELOG.md", "scripts/bench", "scripts/kit vendor"} {
		if !strings.Contains(readFile(t, ".github", "pull_request_template.md"), want) {
			t.Errorf("whoever changes something is not asked for %s", want)
		}
	}
}

// link is one to a file, as Markdown has it.
var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// Links between files lead somewhere.
func TestLinks(t *testing.T) {
	var pages []string
	for _, pattern := range []string{".github/*.md", "deploy/*.md", "deploy/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		for _, path := range found {
			pages = append(pages, strings.TrimPrefix(path, root(t)+"/"))
		}
	}
	for _, file := range pages {
		for _, m := range link.FindAllStringSubmatch(readFile(t, file), -1) {
			if _, err := os.Stat(filepath.Join(root(t), filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
