package workflow

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// It runs on every change: a workflow that is left out by its paths is one that a required check waits for forever.
func TestCIAlwaysRuns(t *testing.T) {
	w := load(t, "ci.yml")
	for _, event := range []string{"pull_request", "merge_group", "push", "schedule", "workflow_dispatch"} {
		on, ok := w.On[event]
		if !ok {
			t.Errorf("it does not run on %s", event)
		}
		if on != nil && (len(on.Paths)+len(on.PathsIgnore) > 0 || event != "push" && len(on.Branches) > 0) {
			t.Errorf("it runs on some of %s only: %+v", event, on)
		}
	}
	last, ok := w.Jobs["ci"]
	if !ok || last.If != "always()" {
		t.Fatalf("the job to require is left out where one before it fails: %+v", last)
	}
	var others []string
	for id := range w.Jobs {
		if id != "ci" {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	if needs := slices.Sorted(slices.Values(last.Needs)); !slices.Equal(needs, others) {
		t.Errorf("the last job waits for %v, and there are %v", needs, others)
	}
	for _, id := range []string{"parts", "images"} {
		if j := w.Jobs[id]; !slices.Equal(j.Needs, list{"changed"}) || j.If != "needs.changed.outputs."+id+" != '[]'" {
			t.Errorf("job %s runs if %q after %v", id, j.If, j.Needs)
		}
	}
}

// The last job passes where everything passed that was needed, and nowhere else.
func TestCILastJob(t *testing.T) {
	s := script(t, "ci.yml", "ci", "all that was needed has passed")
	if want := []string{"${{ needs.parts.result }} ${{ needs.images.result }}", "${{ needs.changed.result }}"}; s.Env["OTHERS"] != want[0] || s.Env["CHANGED"] != want[1] {
		t.Errorf("it looks at %v", s.Env)
	}
	for _, test := range []struct {
		changed, others string
		passes          bool
	}{
		{"success", "success success", true},
		{"success", "success skipped", true},
		{"success", "skipped skipped", true}, // nothing has changed that needs a test
		{"success", "failure success", false},
		{"success", "success failure", false},
		{"success", "success cancelled", false},
		{"success", "cancelled skipped", false},
		{"failure", "skipped skipped", false},
		{"cancelled", "skipped skipped", false},
		{"skipped", "skipped skipped", false},
	} {
		_, said, err := runStep(t, s, t.TempDir(), map[string]string{"CHANGED": test.changed, "OTHERS": test.others})
		if (err == nil) != test.passes {
			t.Errorf("changed %s, others %s: %v, want that it passes: %t\n%s", test.changed, test.others, err, test.passes, said)
		}
	}
}

// What it decides is what scripts/changed says, and that are parts of scripts/test.
func TestCIDecides(t *testing.T) {
	usual, all := parts(t)
	s := script(t, "ci.yml", "changed", "changed")
	if want := "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha || github.event.before }}"; s.Env["BASE"] != want {
		t.Errorf("it compares with %s", s.Env["BASE"])
	}
	if want := "${{ github.event_name == 'schedule' && '--full' || '--with=fuzz' }}"; s.Env["FULL"] != want {
		t.Errorf("of what takes long it runs %s", s.Env["FULL"])
	}
	fuzzed := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name != "fuzz" && !slices.Contains(usual, name) })
	for _, name := range []string{"lint", "ws-single", "ws-multi", "kit", "e2e", "conformance", "faults", "scripts", "vulnerabilities", "fuzz"} {
		if !slices.Contains(fuzzed, name) {
			t.Errorf("a change need not pass %s", name)
		}
	}
	for _, test := range []struct {
		base, full string
		parts      []string
	}{
		{"", "--with=fuzz", fuzzed},
		{strings.Repeat("0", 40), "--with=fuzz", fuzzed}, // the first push of a branch
		{"", "--full", all},
	} {
		out, said, err := runStep(t, s, root(t), map[string]string{"BASE": test.base, "FULL": test.full})
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		var got []string
		if err := json.Unmarshal([]byte(output(t, out, "parts")), &got); err != nil || !slices.Equal(got, test.parts) {
			t.Errorf("since %q %s: got %v, %v, want %v", test.base, test.full, got, err, test.parts)
		}
		if got := output(t, out, "images"); got != `["ws-single","ws-multi"]` {
			t.Errorf("since %q: images %s", test.base, got)
		}
	}
}

// What is not compiled across is built and run on a machine of each architecture, before a release and for it.
func TestArchitectures(t *testing.T) {
	machines := []string{"ubuntu-24.04", "ubuntu-24.04-arm"}
	images := load(t, "ci.yml").Jobs["images"]
	if got := images.Strategy.Matrix["runner"]; !slices.Equal(got.Values, machines) || images.RunsOn != "${{ matrix.runner }}" {
		t.Errorf("ci.yml builds images on %v, by %s", got.Values, images.RunsOn)
	}
	if got := images.Strategy.Matrix["variant"].Text; got != "${{ fromJSON(needs.changed.outputs.images) }}" {
		t.Errorf("ci.yml builds the images of %s", got)
	}
	build := load(t, "release.yml").Jobs["build"]
	want := []map[string]string{{"arch": "amd64", "runner": machines[0]}, {"arch": "arm64", "runner": machines[1]}}
	if got := build.Strategy.Matrix["include"].Maps; !slices.EqualFunc(got, want, maps.Equal) || build.RunsOn != "${{ matrix.runner }}" {
		t.Errorf("release.yml builds the image for %v, by %s", got, build.RunsOn)
	}
	tried := script(t, "ci.yml", "images", "run it as it is deployed, with nothing it may do and nothing to write on").Run
	for _, want := range []string{"--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "healthcheck"} {
		if !strings.Contains(tried, want) {
			t.Errorf("an image is tried without %s:\n%s", want, tried)
		}
	}
}

// from is the image that a Dockerfile builds in.
var from = regexp.MustCompile(`(?m)^FROM (\S+) AS build(?:er)?$`)

// Tests run in the image that servers are built in, with the same C library, and as root on Debian, where scripts/test
// installs what is missing.
func TestContainers(t *testing.T) {
	var want string
	for _, name := range []string{"ws-single", "ws-multi"} {
		m := from.FindStringSubmatch(readFile(t, name, "Dockerfile"))
		if m == nil || want != "" && m[1] != want {
			t.Fatalf("the Dockerfile of %s builds in %v, the other's in %q", name, m, want)
		}
		want = m[1]
	}
	for _, place := range []struct{ file, job string }{{"ci.yml", "changed"}, {"parts.yml", "part"}} {
		if got := load(t, place.file).Jobs[place.job].Container.Image; got != want {
			t.Errorf("%s: job %s runs in %q, and servers are built in %s", place.file, place.job, got, want)
		}
	}
	part := load(t, "parts.yml").Jobs["part"]
	i := slices.IndexFunc(part.Steps, func(s step) bool { return s.Run == `scripts/test "$PART"` })
	if i < 0 || part.Steps[i].Env["PART"] != "${{ matrix.part }}" {
		t.Errorf("a part is run by %+v", part.Steps)
	}
}

// Each workflow that tests does so by the same one.
func TestOneWayToTest(t *testing.T) {
	for _, place := range []struct{ file, job, from string }{
		{"ci.yml", "parts", "${{ needs.changed.outputs.parts }}"}, {"release.yml", "test", "${{ needs.what.outputs.parts }}"},
	} {
		j := load(t, place.file).Jobs[place.job]
		if j.Uses != "./.github/workflows/parts.yml" || !maps.Equal(j.With, map[string]string{"parts": place.from}) {
			t.Errorf("%s: job %s is %s", place.file, place.job, fmt.Sprint(j.Uses, j.With))
		}
	}
}
