package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// list is a scripts/test with a part that no rule names, and a long one.
func list(t *testing.T) []part {
	t.Helper()
	var text strings.Builder
	for _, name := range []string{"e2e", "lint", "ws-single", "ws-multi", "scripts", "kit", "kit-copies", "autobahn-ws-single", "autobahn-ws-multi", "novelty"} {
		text.WriteString(name + "   about it\n")
	}
	text.WriteString("matrix   every fault (--full)\n")
	known, err := parseList(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func TestDecide(t *testing.T) {
	const everythingShort = "e2e lint ws-single ws-multi scripts kit kit-copies autobahn-ws-single autobahn-ws-multi novelty"
	for name, test := range map[string]struct {
		paths         []string
		full          bool
		parts, images string
	}{
		"nothing": {},
		"a variant runs its own tests and what is seen from outside": {
			paths: []string{"ws-single/internal/loop/take.go"},
			parts: "e2e lint ws-single scripts kit-copies autobahn-ws-single novelty", images: "ws-single"},
		"the other variant": {
			paths: []string{"ws-multi/VERSION"},
			parts: "e2e lint ws-multi scripts kit-copies autobahn-ws-multi novelty", images: "ws-multi"},
		"both": {
			paths: []string{"ws-multi/run.go", "ws-single/run.go"},
			parts: "e2e lint ws-single ws-multi scripts kit-copies autobahn-ws-single autobahn-ws-multi novelty", images: "ws-single ws-multi"},
		"the kit runs both variants": {
			paths: []string{"kit/wire/close.go"}, parts: everythingShort, images: "ws-single ws-multi"},
		"the link is a file": {
			paths: []string{"ws"}, parts: everythingShort, images: "ws-single ws-multi"},
		"the link is no folder above the variants": {
			paths: []string{"ws-single/README.md"},
			parts: "e2e lint ws-single scripts kit-copies autobahn-ws-single novelty", images: "ws-single"},
		"what has no rule": {
			paths: []string{"README.md", "new/file"}, parts: everythingShort, images: "ws-single ws-multi"},
		"a file at the top whose name begins as a rule's does": {
			paths: []string{"ws-single.txt"}, parts: everythingShort, images: "ws-single ws-multi"},
		"the workflow":           {paths: []string{".github/workflows/ci.yml"}, parts: everythingShort, images: "ws-single ws-multi"},
		"the rest of its folder": {paths: []string{".github/CODEOWNERS"}, parts: "scripts novelty"},
		"words":                  {paths: []string{"README.md"}, parts: "scripts"},
		"words, and more":        {paths: []string{"README.md", "deploy/systemd/ws-multi.service"}, parts: "scripts novelty"},
		"the longest rule":       {paths: []string{"scripts/tools/go.mod"}, parts: "lint scripts novelty"},
		"the runner":             {paths: []string{"scripts/cmd/test/parts.go"}, parts: everythingShort, images: "ws-single ws-multi"},
		"with the long ones":     {paths: []string{"ws-multi/run.go"}, full: true, parts: "e2e lint ws-multi scripts kit-copies autobahn-ws-multi novelty matrix", images: "ws-multi"},
		"the linter's rules":     {paths: []string{".golangci.yml"}, parts: "lint"},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(rules, list(t), test.paths, test.full)
			if got := strings.Join(namesOf(d.parts), " "); got != test.parts {
				t.Errorf("parts %s, want %s", got, test.parts)
			}
			if got := strings.Join(namesOf(d.images), " "); got != test.images {
				t.Errorf("images %s, want %s", got, test.images)
			}
		})
	}
}

// Rules are about what there is: each path, each part, each variant. And each top-level entry of the repository has one.
func TestRules(t *testing.T) {
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	known, err := knownParts(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range all {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, variants) {
		t.Errorf("there are the variants %v, and the rules are about %v", names, variants)
	}
	seen := map[string]bool{}
	for _, r := range rules {
		info, err := os.Lstat(filepath.Join(root, strings.TrimSuffix(r.path, "/")))
		if err != nil || info.IsDir() != strings.HasSuffix(r.path, "/") {
			t.Errorf("the rule for %s is about nothing that is there (%v), or wants no slash", r.path, err)
		}
		if seen[r.path] {
			t.Errorf("%s has two rules", r.path)
		}
		seen[r.path] = true
		for _, name := range r.parts {
			if !slices.ContainsFunc(known, func(p part) bool { return p.name == name }) {
				t.Errorf("the rule for %s asks for %s, which scripts/test does not have", r.path, name)
			}
		}
	}
	tracked, err := git(t.Context(), root, "ls-files", "-z")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Split(strings.Trim(tracked, "\x00"), "\x00") {
		if _, ok := find(rules, path); !ok && !slices.Contains([]string{".editorconfig", ".gitattributes", ".gitignore"}, path) {
			t.Errorf("%s has no rule: whoever touches it waits for everything", path)
		}
	}
}

func TestParseList(t *testing.T) {
	for _, text := range []string{"", "\n", "e2e   about\nlint\n"} {
		if got, err := parseList(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// scratch is a repository with a commit, and a function for git in it.
func scratch(t *testing.T) (dir string, do func(args ...string)) {
	t.Helper()
	dir = t.TempDir()
	do = func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	do("init", "--quiet", "--initial-branch=main")
	write(t, dir, "kept", "1")
	write(t, dir, "ws-single/old name.go", "1")
	if err := os.Symlink("ws-single", filepath.Join(dir, "ws")); err != nil {
		t.Fatal(err)
	}
	do("add", ".")
	do("commit", "--quiet", "-m", "one")
	return dir, do
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestChangedPaths(t *testing.T) {
	dir, do := scratch(t)
	paths := func(base string, want ...string) {
		t.Helper()
		got, err := changedPaths(t.Context(), dir, base)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("since %s: got %q, %v, want %q", base, got, err, want)
		}
	}
	paths("main")
	do("switch", "--quiet", "-c", "mine")
	do("mv", "ws-single/old name.go", "ws-single/new\tname.go")
	if err := os.Remove(filepath.Join(dir, "ws")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ws-multi", filepath.Join(dir, "ws")); err != nil {
		t.Fatal(err)
	}
	do("add", ".")
	do("commit", "--quiet", "-m", "two")
	// What others did since is not this change.
	do("switch", "--quiet", "main")
	write(t, dir, "theirs", "1")
	do("add", ".")
	do("commit", "--quiet", "-m", "three")
	do("switch", "--quiet", "mine")
	committed := []string{"ws", "ws-single/new\tname.go", "ws-single/old name.go"}
	paths("main", committed...)
	write(t, dir, "kept", "2")
	write(t, dir, "new", "1")
	paths("main", append([]string{"kept", "new"}, committed...)...)
	paths("HEAD", "kept", "new")

	for _, base := range []string{"", "0000000000000000000000000000000000000000", "1234567890123456789012345678901234567890", "no-such-branch", "--help"} {
		if got, err := changedPaths(t.Context(), dir, base); !errors.Is(err, errNoBase) {
			t.Errorf("since %q: got %q, %v, want that there is nothing to compare with", base, got, err)
		}
	}
	do("checkout", "--quiet", "--orphan", "stranger")
	do("commit", "--quiet", "-m", "no parent")
	if _, err := changedPaths(t.Context(), dir, "main"); !errors.Is(err, errNoBase) {
		t.Errorf("without a common commit: %v", err)
	}
	if _, err := changedPaths(t.Context(), t.TempDir(), "main"); err == nil {
		t.Error("outside of a repository it finds paths")
	}
}

func TestTell(t *testing.T) {
	known := list(t)
	said := func(d decision, tell func(decision, *bytes.Buffer) error) string {
		t.Helper()
		var b bytes.Buffer
		if err := tell(d, &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	people := func(d decision, b *bytes.Buffer) error { return d.tell(b) }
	github := func(d decision, b *bytes.Buffer) error { return d.tellGitHub(b) }
	some := decide(rules, known, []string{".golangci.yml"}, false)
	two := decide(rules, known, []string{"README.md", "deploy/guide/moving.md", ".golangci.yml"}, false)
	for got, want := range map[string]string{
		said(some, people):       "lint                 .golangci.yml\n",
		said(some, github):       "parts=[\"lint\"]\nimages=[]\n",
		said(two, people):        "lint                 .golangci.yml\nscripts              README.md and 1 more\n",
		said(decision{}, people): "nothing is needed: no path has changed\n",
		said(decision{}, github): "parts=[]\nimages=[]\n",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := said(everything(known[:1], false, "for a reason"), people); got != "everything is needed: for a reason\ne2e\nimage of ws-single\nimage of ws-multi\n" {
		t.Errorf("got %q", got)
	}
	var b bytes.Buffer
	if err := two.tellNames(&b); err != nil || b.String() != "lint scripts\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
	if err := (decision{}).tellNames(&b); err == nil {
		t.Error("no name is said as if it were all of them")
	}
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, 0, "scripts/changed --names"},
		{[]string{"--bass", "x"}, 2, "--help lists the options"},
		{[]string{"main"}, 2, `"main" is not an option`},
		{[]string{"--names", "--github"}, 2, "not both"},
		{[]string{"--base", "", "--github"}, 0, `images=["ws-single","ws-multi"]`},
		{[]string{"--base", "", "--full", "--names"}, 0, "matrix"},
		{[]string{"--base", "", "--with", "explore", "--with", "load"}, 0, "\nload\nexplore\n"},
		{[]string{"--with", "exploring"}, 2, "scripts/test has no such part"},
		{[]string{"--base", "no-such-branch"}, 0, "everything is needed: nothing to compare with: no-such-branch is not known here\n"},
	} {
		var out, trouble bytes.Buffer
		code := run(t.Context(), test.args, &out, &trouble)
		if code != test.code || !strings.Contains(out.String()+trouble.String(), test.says) {
			t.Errorf("%v: exit code %d, want %d with %q\n%s%s", test.args, code, test.code, test.says, out.String(), trouble.String())
		}
	}
}
