package fault

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestPage(t *testing.T) {
	faults := []Fault{
		{Name: "broker-killed", Did: "the broker is killed", Load: "200 clients"},
		{Name: "disk-full", Did: "the log's disk is full", Load: "none"},
	}
	var r Record
	r.Host, r.Kafka = machine.Host{CPU: "A CPU", CPUs: 2, MemoryBytes: 24 << 30, Kernel: "6.1"}, "4.0"
	made := func(fault, variant string, passed bool) Made {
		return Made{Commit: "abc", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Result: Result{Fault: fault, Variant: variant, Passed: passed, Seconds: 12.6}}
	}
	one := made("broker-killed", "ws-single", true)
	one.Figures = []Figure{{What: "flow again", Got: 0.12345, Most: 5, Unit: "s", Held: true}, {What: "clients dropped", Held: true}}
	one.Did, one.Load = "the broker is killed twice", "100 clients" // as it was then
	one.Saw = []string{"1507 records were published", "refused: " + tally(map[string]int{"reset": 2, "503": 1})}
	r.Add(made("broker-killed", "ws-single", false)) // replaced
	r.Add(one)
	two := made("broker-killed", "ws-multi", false)
	two.Figures = []Figure{{What: "flow again", Got: 7, Most: 5, Unit: "s"}, {What: "clients back", Got: 3, Most: 200, Least: true}}
	two.Why = []string{"flow again: 7 s\nand more"}
	r.Add(two)
	left := made("disk-full", "ws-single", false)
	left.NotRun = "it needs root"
	r.Add(left)

	path := filepath.Join(t.TempDir(), "record.json")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := WritePage(&page, faults, []string{"ws-single", "ws-multi"}, back); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "page.md")
	if *update {
		if err := os.WriteFile(golden, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if page.String() != string(want) {
		t.Errorf("got\n%s", page.String())
	}
	if _, err := ReadRecord(golden); err == nil || !strings.Contains(err.Error(), "read results") {
		t.Errorf("a page was read as a record: %v", err)
	}
}

// A figure beyond its limit fails its fault, and what cannot be made is not held.
func TestFaultFails(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(*T)
		want string
	}{
		"held":      {func(t *T) { t.Most("a", 1, 1, "s"); t.Least("b", 2, 2, ""); t.None("c", 0); t.All("d", 3, 3) }, ""},
		"above":     {func(t *T) { t.Most("a", 1.1, 1, "s") }, "a: 1.1 s, the limit is at most 1"},
		"below":     {func(t *T) { t.All("a", 2, 3) }, "a: 2 , the limit is at least 3"},
		"fatal":     {func(t *T) { t.Fatal("it broke") }, "it broke"},
		"panic":     {func(*T) { panic("oh") }, "panic: oh"},
		"clean-up":  {func(t *T) { t.Cleanup(func() { t.Error("not cleaned up") }) }, "not cleaned up"},
		"not to be": {func(t *T) { t.NotRun("no root") }, "not run"},
	} {
		r := Run(t.Context(), Fault{Name: name, Run: c.run}, Target{Variant: "v"}, "", false)
		said := strings.Join(r.Why, "; ")
		if r.NotRun != "" {
			said = "not run"
		}
		if r.Passed != (c.want == "") || !strings.HasPrefix(said, c.want) {
			t.Errorf("%s: passed %t, %q, want %q", name, r.Passed, said, c.want)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []Fault{{Name: "broker-killed"}, {Name: "broker-stopped"}, {Name: "disk-full"}}
	for names, want := range map[string]string{
		"": "broker-killed broker-stopped disk-full", "disk-full": "disk-full", "broker-": "broker-killed broker-stopped", "broker": "? broker",
	} {
		chosen, unknown := Choose(all, strings.Fields(names)...)
		var got []string
		for _, f := range chosen {
			got = append(got, f.Name)
		}
		for _, name := range unknown {
			got = append(got, "? "+name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, want %s", names, got, want)
		}
	}
}
