package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clone makes a small repository: a kit of v0.2.0, two variants, a link and
// other folders that are no variants.
func clone(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	put(t, root, map[string]string{
		"kit/VERSION":                     "v0.2.0\n",
		"kit/go.mod":                      "module example.com/kit\n",
		"kit/README.md":                   "# kit\n",
		"kit/wire/wire.go":                "package wire\n\nimport \"strings\"\n\nvar _ = strings.ToLower\n",
		"kit/wire/wire_test.go":           "package wire\n\nimport \"testing\"\n\nvar _ testing.T\n",
		"kit/wire/asyncapi.yaml":          "asyncapi: 3.0.0\n",
		"kit/wire/schema/a.json":          "{}\n",
		"kit/wire/schema/schema.go":       "package schema\n",
		"kit/wire/testdata/golden/a.json": "{}\n",
		"kit/wire/testdata/x.go":          "package broken\n",
		"kit/metric/metric.go":            "package metric\n",
		"kit/.cache/x.go":                 "package broken\n",
		"ws-a/go.mod":                     "module example.com/ws-a\n",
		"ws-a/internal/loop/loop.go":      "package loop\n",
		"ws-b/go.mod":                     "module example.com/ws-b\n",
		"ws-c/README.md":                  "not a module yet\n",
		"scripts/go.mod":                  "module example.com/scripts\n",
	})
	if err := os.Symlink("ws-a", filepath.Join(root, "ws-link")); err != nil {
		t.Fatal(err)
	}
	return root
}

func put(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// call runs the command and gives its exit code and what it printed.
func call(t *testing.T, root string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), root, args, &out, &errs)
	return code, out.String(), errs.String()
}

// must runs the command and wants it to succeed.
func must(t *testing.T, root string, args ...string) string {
	t.Helper()
	code, stdout, stderr := call(t, root, args...)
	if code != 0 {
		t.Fatalf("kit %v exits %d:\n%s%s", args, code, stdout, stderr)
	}
	return stdout
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	files, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files.paths()
}

func TestVendorCopiesWhatBelongs(t *testing.T) {
	root := clone(t)
	must(t, root, "vendor")
	want := []string{"KIT_VERSION", "metric/metric.go", "wire/schema/a.json", "wire/schema/schema.go", "wire/wire.go"}
	for _, variant := range []string{"ws-a", "ws-b"} {
		dir := filepath.Join(root, variant, "internal", "kit")
		if got := names(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", variant, got, want)
		}
		for _, name := range want[1:] {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			original, err := os.ReadFile(filepath.Join(root, "kit", name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, original) {
				t.Errorf("%s differs", name)
			}
		}
	}
	for _, other := range []string{"ws-c/internal", "scripts/internal"} {
		if _, err := os.Stat(filepath.Join(root, other)); err == nil {
			t.Errorf("%s was written", other)
		}
	}
	must(t, root, "check")
}

func TestVendorInto(t *testing.T) {
	root := clone(t)
	must(t, root, "vendor", "--into", "ws-b/")
	if _, err := os.Stat(filepath.Join(root, "ws-a/internal/kit")); err == nil {
		t.Error("ws-a was written too")
	}
	must(t, root, "check", "--in", "ws-b")
}

// KIT_VERSION can be verified without this program.
func TestManifestIsForSha256sum(t *testing.T) {
	root := clone(t)
	must(t, root, "vendor", "--into", "ws-a")
	dir := filepath.Join(root, "ws-a/internal/kit")
	command := exec.CommandContext(t.Context(), "sh", "-c",
		`sed 1,3d KIT_VERSION | sha256sum -c --quiet - && printf 'version: v0.2.0\nsha256: %s\n\n' "$(sed 1,3d KIT_VERSION | sha256sum | cut -d' ' -f1)" && sed 1,3d KIT_VERSION`)
	command.Dir = dir
	got, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	want, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("sha256sum says\n%s\nKIT_VERSION says\n%s", got, want)
	}
}

func TestVendorIsDeterministicAndTouchesOnlyWhatChanged(t *testing.T) {
	root := clone(t)
	must(t, root, "vendor")
	dir := filepath.Join(root, "ws-a/internal/kit")
	before, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "wire/wire.go")
	stat, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, map[string]string{"ws-a/internal/kit/wire/old.go": "package wire\n", "kit/metric/metric.go": "package metric // new\n"})
	if out := must(t, root, "vendor"); !strings.Contains(out, "ws-a/internal/kit: kit v0.2.0, 4 files, 2 changed") {
		t.Errorf("vendor says %s", out)
	}
	put(t, root, map[string]string{"kit/metric/metric.go": "package metric\n"})
	must(t, root, "vendor")
	after, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(before, after, bytes.Equal) {
		t.Errorf("another copy: %v, before %v", after.paths(), before.paths())
	}
	again, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(stat, again) {
		t.Error("a file that was right was written again")
	}
}

func TestCheckSays(t *testing.T) {
	tests := []struct {
		name   string
		change map[string]string
		remove string
		says   []string
	}{
		{"an edit", map[string]string{"ws-a/internal/kit/wire/wire.go": "package wire // mine\n"}, "",
			[]string{"ws-a/internal/kit/wire/wire.go: was edited by hand: make the change in kit/wire/wire.go, then run scripts/kit vendor --into ws-a"}},
		{"a file added", map[string]string{"ws-b/internal/kit/wire/mine.go": "package wire\n"}, "",
			[]string{"ws-b/internal/kit/wire/mine.go: was added by hand: move it to kit/, then run scripts/kit vendor --into ws-b"}},
		{"a test added", map[string]string{"ws-b/internal/kit/wire/mine_test.go": "package wire\n"}, "",
			[]string{"ws-b/internal/kit/wire/mine_test.go: was added by hand: move it to kit/, then run scripts/kit vendor --into ws-b"}},
		{"a file removed", nil, "ws-a/internal/kit/metric/metric.go",
			[]string{"ws-a/internal/kit/metric/metric.go: was removed by hand: run scripts/kit vendor --into ws-a"}},
		{"no KIT_VERSION", nil, "ws-a/internal/kit/KIT_VERSION",
			[]string{"ws-a/internal/kit/KIT_VERSION: is missing: run scripts/kit vendor --into ws-a"}},
		{"no copy", nil, "ws-b/internal/kit",
			[]string{"ws-b/internal/kit/KIT_VERSION: is missing: run scripts/kit vendor --into ws-b"}},
		{"KIT_VERSION without sums", map[string]string{"ws-a/internal/kit/KIT_VERSION": "version: v0.2.0\nsha256: 00\n\n"}, "",
			[]string{"ws-a/internal/kit/KIT_VERSION: was edited by hand (it has lines that its sha256 does not fit): run scripts/kit vendor --into ws-a"}},
		{"KIT_VERSION of something else", map[string]string{"ws-a/internal/kit/KIT_VERSION": "latest\n"}, "",
			[]string{"ws-a/internal/kit/KIT_VERSION: was edited by hand (it does not begin with version and sha256): run scripts/kit vendor --into ws-a"}},
		{"kit changed at the same version", map[string]string{"kit/wire/wire.go": "package wire // new\n"}, "",
			[]string{
				"ws-a/internal/kit/wire/wire.go: differs from that of kit/, but both are v0.2.0: run scripts/kit vendor --into ws-a, or raise kit/VERSION",
				"ws-b/internal/kit/wire/wire.go: differs from that of kit/, but both are v0.2.0: run scripts/kit vendor --into ws-b, or raise kit/VERSION",
			}},
		{"kit has one file more", map[string]string{"kit/wire/new.go": "package wire\n"}, "",
			[]string{
				"ws-a/internal/kit/wire/new.go: is missing, but kit/ has it and both are v0.2.0: run scripts/kit vendor --into ws-a",
				"ws-b/internal/kit/wire/new.go: is missing, but kit/ has it and both are v0.2.0: run scripts/kit vendor --into ws-b",
			}},
		{"kit has one file less", nil, "kit/wire/schema/a.json",
			[]string{
				"ws-a/internal/kit/wire/schema/a.json: is not in kit/, but both are v0.2.0: run scripts/kit vendor --into ws-a, or raise kit/VERSION",
				"ws-b/internal/kit/wire/schema/a.json: is not in kit/, but both are v0.2.0: run scripts/kit vendor --into ws-b, or raise kit/VERSION",
			}},
		{"an edit of an older copy", map[string]string{"kit/VERSION": "v0.3.0\n", "ws-a/internal/kit/wire/wire.go": "package wire // mine\n"}, "",
			[]string{
				"ws-a/internal/kit/wire/wire.go: was edited by hand: make the change in kit/wire/wire.go, then run scripts/kit vendor --into ws-a",
				"ws-b/internal/kit is of v0.2.0, and there is no tag kit/v0.2.0 here to hold it against: git fetch --tags brings it, if it was ever made",
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := clone(t)
			must(t, root, "vendor")
			put(t, root, test.change)
			if test.remove != "" {
				if err := os.RemoveAll(filepath.Join(root, test.remove)); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := call(t, root, "check")
			if want := strings.Join(test.says, "\n") + "\n"; code != 1 || stdout != want || stderr != "" {
				t.Errorf("exit %d\n%s%s\nwant exit 1\n%s", code, stdout, stderr, want)
			}
			// What it says helps.
			must(t, root, "vendor")
			must(t, root, "check")
		})
	}
}

func TestCheckLeavesOlderCopiesAlone(t *testing.T) {
	root := clone(t)
	must(t, root, "vendor")
	put(t, root, map[string]string{"kit/VERSION": "v0.3.0\n", "kit/wire/wire.go": "package wire // of v0.3.0\n"})
	if out := must(t, root, "check"); !strings.Contains(out, "no tag kit/v0.2.0 here to hold it against") {
		t.Errorf("check says %s", out)
	}
	must(t, root, "vendor", "--into", "ws-b")
	must(t, root, "check")
}

// An older copy whose KIT_VERSION was made to fit an edit is found by its tag.
func TestCheckOlderCopiesAgainstTheirTag(t *testing.T) {
	root := cloneTagged(t)
	must(t, root, "vendor")
	must(t, root, "check")
	put(t, root, map[string]string{"kit/wire/wire.go": "package wire // mine\n", "kit/wire/new.go": "package wire\n"})
	if err := os.Remove(filepath.Join(root, "kit/metric/metric.go")); err != nil {
		t.Fatal(err)
	}
	must(t, root, "vendor", "--into", "ws-a") // as of v0.2.0, which has other files
	git(t, root, "checkout", "-q", "kit/v0.2.0", "--", "kit")
	put(t, root, map[string]string{"kit/VERSION": "v0.3.0\n"})
	const want = `ws-a/internal/kit/metric/metric.go: is missing, but the tag kit/v0.2.0 has it and both are v0.2.0: run scripts/kit vendor --into ws-a --version v0.2.0
ws-a/internal/kit/wire/wire.go: differs from that of the tag kit/v0.2.0, but both are v0.2.0: run scripts/kit vendor --into ws-a --version v0.2.0
ws-a/internal/kit/wire/new.go: is not in the tag kit/v0.2.0, but both are v0.2.0: run scripts/kit vendor --into ws-a --version v0.2.0
`
	if code, stdout, stderr := call(t, root, "check"); code != 1 || stdout != want || stderr != "" {
		t.Errorf("exit %d\n%s%s\nwant exit 1\n%s", code, stdout, stderr, want)
	}
	must(t, root, "vendor", "--into", "ws-a", "--version", "v0.2.0")
	must(t, root, "check")
}

func TestVendorAtATag(t *testing.T) {
	root := cloneTagged(t)
	must(t, root, "vendor", "--into", "ws-a")
	want, err := read(filepath.Join(root, "ws-a/internal/kit"))
	if err != nil {
		t.Fatal(err)
	}

	put(t, root, map[string]string{"kit/VERSION": "v0.3.0\n", "kit/wire/wire.go": "package wire // of v0.3.0\n", "kit/wire/new.go": "package wire\n"})
	must(t, root, "vendor")
	must(t, root, "vendor", "--into", "ws-a", "--version", "v0.2.0")
	got, err := read(filepath.Join(root, "ws-a/internal/kit"))
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("another copy at the tag: %v, want %v", got.paths(), want.paths())
	}
	must(t, root, "check")

	code, _, stderr := call(t, root, "vendor", "--version", "v9.9.9")
	if code != 1 || !strings.Contains(stderr, "tag kit/v9.9.9") || !strings.Contains(stderr, "git tag -l 'kit/*'") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// cloneTagged is clone in git, with the tag of its kit.
func cloneTagged(t *testing.T) string {
	t.Helper()
	root := clone(t)
	git(t, root, "init", "-q")
	git(t, root, "add", ".")
	git(t, root, "commit", "-qm", "one")
	git(t, root, "tag", "kit/v0.2.0")
	return root
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"}, args...)...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		change map[string]string
		says   string
	}{
		"kit imports another module": {map[string]string{"kit/wire/wire.go": "package wire\n\nimport _ \"golang.org/x/sys/unix\"\n"}, "kit/wire/wire.go imports golang.org/x/sys/unix"},
		"kit imports itself":         {map[string]string{"kit/wire/wire.go": "package wire\n\nimport _ \"github.com/adred-codev/ws_poc/kit/metric\"\n"}, "standard library only"},
		"kit does not parse":         {map[string]string{"kit/wire/wire.go": "pakage wire\n"}, "kit/wire/wire.go:1"},
		"VERSION is no version":      {map[string]string{"kit/VERSION": "0.2\n"}, `"0.2" is no version`},
	} {
		t.Run(name, func(t *testing.T) {
			root := clone(t)
			put(t, root, test.change)
			for _, command := range []string{"vendor", "check"} {
				code, _, stderr := call(t, root, command)
				if code != 1 || !strings.Contains(stderr, test.says) {
					t.Errorf("kit %s exits %d: %s", command, code, stderr)
				}
			}
		})
	}
}

func TestWrongUse(t *testing.T) {
	root := clone(t)
	for _, args := range [][]string{
		{}, {"bogus"}, {"vendor", "x"}, {"vendor", "--bogus"}, {"vendor", "--into"}, {"vendor", "--into", "ws-c"}, {"vendor", "--into", "ws-link"},
		{"vendor", "--into", "../ws-a"}, {"vendor", "--version", "latest"}, {"check", "x"}, {"check", "--in", "nothing"},
	} {
		code, stdout, stderr := call(t, root, args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "usage: scripts/kit") {
			t.Errorf("kit %v exits %d: %s%s", args, code, stdout, stderr)
		}
	}
	if got := names(t, filepath.Join(root, "ws-a/internal")); !slices.Equal(got, []string{"loop/loop.go"}) {
		t.Errorf("something was written: %v", got)
	}
}

func TestHelp(t *testing.T) {
	root := clone(t)
	for _, args := range [][]string{{"--help"}, {"help"}, {"-h"}, {"vendor", "--help"}, {"check", "-h"}} {
		out := must(t, root, args...)
		if !strings.Contains(out, "usage: scripts/kit") || !strings.Contains(out, "example") {
			t.Errorf("kit %v prints %s", args, out)
		}
	}
	// Each example works as it stands.
	for _, help := range []string{overview(), vendorHelp, checkHelp} {
		_, example, _ := strings.Cut(help, "example")
		for line := range strings.Lines(example) {
			if !strings.HasPrefix(line, "  scripts/kit ") {
				continue
			}
			for command := range strings.SplitSeq(line, "&&") {
				args := strings.Fields(strings.ReplaceAll(command, "ws-single", "ws-a"))
				must(t, root, "vendor")
				must(t, root, args[1:]...)
			}
		}
	}
}

func TestThisRepository(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	found, err := variants(root)
	if err != nil || !slices.Contains(found, "ws-single") {
		t.Fatalf("variants %v, %v", found, err)
	}
	if code, stdout, stderr := call(t, root, "check"); code != 0 {
		t.Errorf("scripts/kit check exits %d:\n%s%s", code, stdout, stderr)
	}
}
