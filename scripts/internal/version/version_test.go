package version

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const example = "architecture: many\n# a remark\nversion: v1.2.3\nstatus: candidate\noptimized_for: 50,000 connections: tests\nmax_connections: 500\ncpu_cores: 2\n"

var fine = strings.Replace(example, "50,000 connections: tests", "tests, of all kinds", 1)

func TestFile(t *testing.T) {
	f, err := Parse([]byte(fine))
	want := File{"many", Number{Major: 1, Minor: 2, Patch: 3}, Candidate, "tests, of all kinds", 500, 2}
	if err != nil || f != want {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for change, why := range map[string]string{
		"v1.2.3>1.2.3":                      `"1.2.3" is not of the form v1.2.3`,
		"v1.2.3>v1.2":                       `"v1.2" is no version`,
		"version: v1.2.3\n>":                "version is missing",
		"candidate>live":                    `status "live" is none of experimental, candidate, production, standby`,
		"architecture: many\n>":             "architecture",
		"500>0":                             "max_connections",
		"500>many":                          "cannot unmarshal",
		"cpu_cores: 2>cores: 2":             "field cores not found",
		"status>version":                    "already defined",
		"cpu_cores: 2>cpu_cores: 2\n---\na": "something follows",
	} {
		old, now, _ := strings.Cut(change, ">")
		_, err := Parse([]byte(strings.Replace(fine, old, now, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), "parse VERSION: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %s", change, err, why)
		}
	}
	if _, err := Parse([]byte(example)); err == nil {
		t.Error("what is no YAML is taken")
	}
	if _, err := Parse(nil); err == nil {
		t.Error("an empty file is taken")
	}
}

func TestWith(t *testing.T) {
	for field, want := range map[string]string{
		Version + " v2.0.0-rc.1": strings.Replace(fine, "v1.2.3", "v2.0.0-rc.1", 1),
		Status + " standby":      strings.Replace(fine, "candidate", "standby", 1),
	} {
		name, value, _ := strings.Cut(field, " ")
		got, err := With([]byte(fine), name, value)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", field, got, err)
		}
	}
	for name, c := range map[string]struct{ text, field, value, why string }{
		"no such line":   {"a: b\n", Status, Standby, "0 lines"},
		"two lines":      {fine + "status: standby\n", Status, Standby, "2 lines"},
		"no such status": {fine, Status, "live", "none of"},
		"no version":     {fine, Version, "2.0.0", "not of the form"},
	} {
		if got, err := With([]byte(c.text), c.field, c.value); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The files of the repository can be read, and written without the servers' minding.
func TestTheVariantsFiles(t *testing.T) {
	paths, err := filepath.Glob("../../../ws-*/VERSION")
	if err != nil || len(paths) != 2 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		f, text, err := Read(path)
		if err != nil {
			t.Error(err)
			continue
		}
		same, err := With(text, Status, f.Status)
		if err != nil || string(same) != string(text) {
			t.Errorf("%s: %s, %v", path, same, err)
		}
	}
	if _, _, err := Read(filepath.Join(t.TempDir(), "VERSION")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "v", "1", "1.2", "1.2.3.4", "v1.2.x", "01.2.3", "1.02.3", "V1.2.3", "1.2.3+build", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "0.0.0", "1.2.99999999999999999999", "1.2.3\n", " 1.2.3",
	} {
		if n, err := ParseNumber(text); err == nil {
			t.Errorf("%q is %v", text, n)
		}
	}
}

// The order is that of semver.org, section 11, with its own example in it.
func TestOrder(t *testing.T) {
	ordered := []string{
		"v0.0.1", "v0.1.0", "v0.9.0", "v0.10.0", "v1.0.0-9", "v1.0.0-10", "v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta", "v1.0.0-beta",
		"v1.0.0-beta.2", "v1.0.0-beta.11", "v1.0.0-rc.1", "v1.0.0", "v1.0.1", "v2.0.0-0", "v2.0.0", "v10.0.0",
	}
	for i, a := range ordered {
		n, err := ParseNumber(a)
		if err != nil || n.String() != a {
			t.Fatalf("%s is %v, %v", a, n, err)
		}
		if bare, err := ParseNumber(strings.TrimPrefix(a, "v")); err != nil || bare != n {
			t.Errorf("%s without v is %v, %v", a, bare, err)
		}
		for j, b := range ordered {
			m, err := ParseNumber(b)
			if got := n.Compare(m); err != nil || got != cmp.Compare(i, j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}
