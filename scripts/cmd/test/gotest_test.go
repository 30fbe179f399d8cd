package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What go test itself says about a module with every way to pass and to fail.
func TestTally(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":             "module m\n\ngo 1.26\n",
		"good/good_test.go":  "package good\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\nfunc TestTree(t *testing.T) {\n\tt.Run(\"x\", func(t *testing.T) {})\n\tt.Run(\"y/z\", func(t *testing.T) {})\n}\nfunc FuzzF(f *testing.F) {\n\tf.Add(1)\n\tf.Add(2)\n\tf.Fuzz(func(t *testing.T, n int) {})\n}\nfunc ExampleE() {\n\t// Output:\n}\nfunc ExampleNone() {}\n",
		"bad/bad_test.go":    "package bad\n\nimport \"testing\"\n\nfunc TestFine(t *testing.T) {}\nfunc TestLeaf(t *testing.T) {\n\tt.Run(\"x\", func(t *testing.T) { t.Error(\"leaf went wrong\") })\n\tt.Run(\"y\", func(t *testing.T) {})\n}\nfunc TestTop(t *testing.T) {\n\tt.Run(\"x\", func(t *testing.T) {})\n\tt.Error(\"top went wrong\")\n}\nfunc TestLeftOut(t *testing.T) { t.SkipNow() }\n",
		"panics/p_test.go":   "package panics\n\nimport \"testing\"\n\nfunc TestP(t *testing.T) { panic(\"oh no\") }\n",
		"broken/b_test.go":   "package broken\n\nfunc f() int { return undefinedName }\n",
		"exits/e_test.go":    "package exits\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(3)\n}\nfunc TestE(t *testing.T) {}\n",
		"without/without.go": "package without\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-json", "-count=1", "-vet=off", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, _ := cmd.Output() // tests fail here, that is the point

	var got tally
	if err := got.read(strings.NewReader(string(out))); err != nil {
		t.Fatal(err)
	}
	// A, Tree/x, Tree/y/z, F's two seeds, E; Fine, Leaf/y, Top/x; E of exits
	if got.passed != 10 || got.skipped != 1 {
		t.Errorf("%d passed, %d skipped, want 10 and 1\n%s", got.passed, got.skipped, out)
	}
	want := map[string]string{
		"m/bad TestLeaf/x": "leaf went wrong",
		"m/bad TestTop":    "top went wrong",
		"m/panics TestP":   "oh no",
		"m/broken":         "undefinedName",
		"m/exits":          "FAIL",
	}
	var names []string
	for _, f := range got.failures {
		names = append(names, f.name)
		if !strings.Contains(f.output, want[f.name]) {
			t.Errorf("%s said %q, want %q", f.name, f.output, want[f.name])
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"m/bad TestLeaf/x", "m/bad TestTop", "m/broken", "m/exits", "m/panics TestP"}) {
		t.Errorf("failed: %v", names)
	}
}
