package promotion

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/parity"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// Each condition of a promotion is refused in words where it does not hold.
func TestRefusals(t *testing.T) {
	commit := func(w *world, path, text string) {
		w.Write(path, text)
		w.Commit("a change")
	}
	for name, test := range map[string]struct {
		spoil func(*world)
		says  string
	}{
		// The repository.
		"a dirty tree":        {func(w *world) { w.Write("README.md", "mine\n") }, "NO  the work tree has changes that are in no commit: README.md; commit them or take them away"},
		"a dirty variant":     {func(w *world) { w.Write("ws-multi/new.go", "package main\n") }, "--  parity and bench: of which trees they are to be is not known while ws-multi has changes"},
		"no branch":           {func(w *world) { w.Git("switch", "--quiet", "--detach") }, "NO  no branch is checked out"},
		"behind its upstream": {func(w *world) { w.Others() }, "NO  main lacks a commit of origin/main: git pull --ff-only"},
		"a bisection":         {func(w *world) { w.Git("bisect", "start") }, "NO  a bisection is not finished"},

		// What the variants are.
		"experimental": {func(w *world) { commit(w, "ws-multi/VERSION", strings.Replace(multi, "candidate", "experimental", 1)) },
			"NO  ws-multi v0.1.0 is experimental, neither candidate nor standby: scripts/promote --candidate ws-multi --yes says"},
		"both in production": {func(w *world) { commit(w, "ws-multi/VERSION", strings.Replace(multi, "candidate", "production", 1)) },
			"NO  the VERSION of ws-multi says production, and ws points at ws-single"},
		"none in production": {func(w *world) { commit(w, "ws-single/VERSION", strings.Replace(single, "production", "standby", 1)) },
			"NO  ws points at ws-single, and its VERSION says standby"},

		// Parity.
		"no report": {func(w *world) { w.forget(parityFolder) }, "NO  parity: there is no report of ws-multi and ws-single, neither in scripts/.cache/parity nor as scripts/evidence/parity.json: scripts/parity --json scripts/.cache/parity/report.json"},
		"a report of another candidate": {func(w *world) {
			commit(w, "ws-multi/main.go", "package main // newer\n")
			w.result = w.measured()
			w.save()
		},
			"NO  parity, 20261126-120000.json:\n      it is of another ws-multi: of tree "},
		"a report of another production": {func(w *world) {
			commit(w, "ws-single/main.go", "package main // newer\n")
			w.result = w.measured()
			w.save()
		},
			"NO  parity, 20261126-120000.json:\n      it is of another ws-single: of tree "},
		"a report of no tree": {func(w *world) {
			w.report.Variants[1].Tree, w.report.Variants[1].NoTree = "", "there were changes"
			w.save()
		},
			"it does not say which tree of ws-multi it is of: there were changes"},
		"they are not alike": {func(w *world) {
			w.report.Variants[1].Counts[parity.Double] = 3
			w.report.Channels[0].Alike = false
			w.save()
		},
			"they are not alike: ws-multi: 3 double; 1 of 1 channels have another digest than the log"},
		"a report of a short time": {func(w *world) { w.report.Load.Seconds = 59; w.save() }, "it compared 24000 records in 59 s with 12 moves of clients, and that is too little: 10000 records, 60 s and 5 moves are the least"},
		"a report of few records":  {func(w *world) { w.report.Records = 9999; w.save() }, "that is too little"},
		"a report without moves":   {func(w *world) { w.report.Clients[1].Travels.Moves = 4; w.save() }, "with 4 moves of clients, and that is too little"},
		"a report in which nothing is late": {func(w *world) { w.report.Limits.LateMS = 0; w.save() },
			"nothing was late in it (--late 0), and more than 10s is to be"},
		"a report in which much is late": {func(w *world) { w.report.Limits.LateMS = 10_001; w.save() },
			"it took for late what came more than 10.001s later, and more than 10s is to be"},
		"a report of others": {func(w *world) { w.report.Variants[0].Name = "ws-other"; w.save() },
			"NO  parity: there is no report of ws-multi and ws-single"},

		// Bench.
		"no result": {func(w *world) { w.forget(benchFolder) },
			"NO  bench, broadcast: there is no result with ws-multi beside ws-single in scripts/.cache/bench: scripts/bench compare ws-multi ws-single --scenario broadcast --at-most 1.1"},
		"a result of another load": {func(w *world) { w.result.Scenario.Name = "fanout-100"; w.save() }, "NO  bench, broadcast: there is no result"},
		"a result of one only":     {func(w *world) { w.lane("ws-single").Baseline = true; w.save() }, "NO  bench, broadcast: there is no result"},
		"a result of another candidate": {func(w *world) {
			commit(w, "ws-multi/main.go", "package main // newer\n")
			w.report = w.alike()
			w.save()
		},
			"NO  bench, broadcast, 20261126-130000-broadcast.json:\n      it is of another ws-multi: of tree "},
		"a result of another production": {func(w *world) {
			commit(w, "ws-single/main.go", "package main // newer\n")
			w.report = w.alike()
			w.save()
		},
			"it is of another ws-single: of tree "},
		"a result of no tree": {func(w *world) { delete(w.result.Trees, "ws-single"); w.save() }, "it does not say which tree of ws-single it is of"},
		"a result of few clients": {func(w *world) {
			w.result.Scenario.Connections = 999
			w.save()
		}, "it is of broadcast with 999 clients, and wanted is broadcast with 1000 at least"},
		"fewer clients than are wanted": {func(w *world) { commit(w, "deploy/limits.yml", strings.Replace(limits, "1000}", "12001}", 1)) },
			"measure again: scripts/bench compare ws-multi ws-single --scenario broadcast --at-most 1.1 --connections 12001"},
		"it refused": {func(w *world) {
			w.result.Verdict, w.result.Refusals = result.Refused, []result.Refusal{{Code: result.Foreigners, Text: "others used the core"}}
			w.save()
		}, "it refused to judge: others used the core"},
		"it was interrupted": {func(w *world) { w.result.Interrupted = true; w.save() }, "it refused to judge"},
		"it lost messages": {func(w *world) {
			w.result.Verdict, w.result.Refusals = result.Worse, []result.Refusal{{Code: result.Lossy, Text: "3 lost", Lane: "ws-multi@shards=1"}}
			w.save()
		}, "it refused to judge: 3 lost"},
		"it stayed undecided": {func(w *world) {
			j := &w.result.Judgements[0]
			w.result.Verdict, j.Verdict, j.Value, j.Low, j.High, j.Needed = result.Undecided, result.Undecided, 1.08, 1.05, 1.12, 20
			w.save()
		}, "it stayed undecided: CPU per delivery: ws-multi@shards=1 over ws-single, 1.08, 95% between 1.05 and 1.12, and its limit is 1.1; --rounds 32 may decide it"},

		// Its figures.
		"more CPU":    {func(w *world) { w.scale(&w.result, "ws-multi@shards=1", 1.3, 1, 1, 0.01); w.save() }, "ws-multi@shards=1 over ws-single: CPU per delivery 1.2"},
		"later":       {func(w *world) { w.scale(&w.result, "ws-multi@shards=1", 1, 1.4, 1, 0.01); w.save() }, "ws-multi@shards=1 over ws-single: p99 latency 1.41 (95% between 1.39 and 1.44, limit 1.15): it is worse than the limit"},
		"more memory": {func(w *world) { w.scale(&w.result, "ws-multi@shards=1", 1, 1, 4, 0.01); w.save() }, "ws-multi@shards=1 over ws-single: memory 1.5"},
		"not clear":   {func(w *world) { w.scale(&w.result, "ws-multi@shards=1", 1, 1.14, 1, 0.2); w.save() }, "ws-multi@shards=1 over ws-single: p99 latency: undecided, the limit 1.15 lies in the interval"},
		"one round": {func(w *world) {
			for i := range w.result.Lanes {
				w.result.Lanes[i].Slices = w.result.Lanes[i].Slices[:1]
			}
			w.save()
		}, "CPU per delivery: undecided, there are too few samples"},
		"not all arrived": {func(w *world) { w.lane("ws-multi@shards=1").Totals.Received--; w.save() }, "ws-multi@shards=1: 119999 of 120000 deliveries arrived, and the limit is a share of 1"},

		// What it was measured with.
		"another program":   {func(w *world) { w.lane("ws-multi@shards=1").Given = true; w.save() }, "the program of ws-multi@shards=1 was given by name, not built from the tree"},
		"several processes": {func(w *world) { w.lane("ws-multi@shards=1").Processes = 2; w.save() }, "ws-multi@shards=1 was 2 processes on one port"},
		"shared cores":      {func(w *world) { w.lane("ws-multi@shards=1").Shared = []int{1}; w.save() }, "ws-multi@shards=1 shared cores with the load, so its latency is not its own"},
		"missing clients":   {func(w *world) { w.lane("ws-single").Connections = 990; w.save() }, "ws-single had 990 clients of 1000"},
		"special settings": {func(w *world) {
			l := w.lane("ws-multi@shards=1")
			l.Name, l.Server = "ws-multi@WS_FLUSH_INTERVAL=10ms", "ws-multi@WS_FLUSH_INTERVAL=10ms"
			w.save()
		}, "ws-multi@WS_FLUSH_INTERVAL=10ms was measured with WS_FLUSH_INTERVAL, which nobody deploys"},
		"used in other ways": {func(w *world) {
			w.lane("ws-single").Name = "ws-single/stalled"
			w.save()
		}, "it has no lane of ws-multi beside one of ws-single"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.spoil(w)
			before := w.State()
			c, err := w.desk(nil).Promote(t.Context(), "ws-multi", Evidence{})
			if err != nil {
				t.Fatal(err)
			}
			said := c.List.String()
			if !strings.Contains(said, test.says) {
				t.Errorf("it says\n%s\nwant %s", said, test.says)
			}
			if !strings.Contains(said, "--  sh -c echo all is tested was not run") {
				t.Errorf("the tests were run, though there was no need:\n%s", said)
			}
			if err := c.Make(t.Context()); err == nil {
				t.Error("it was made all the same")
			}
			if after := w.State(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

func TestRefusedForItsTests(t *testing.T) {
	w := newWorld(t)
	var out strings.Builder
	desk := w.desk(&out)
	desk.Tests = []string{"sh", "-c", "echo 1 failed; exit 1"}
	c, err := desk.Promote(t.Context(), "ws-multi", Evidence{})
	if err != nil || c.List.Met() || c.List.Unmet() != 1 || !strings.Contains(c.List.String(), "NO  sh -c echo 1 failed; exit 1 failed: exit status 1; what it says is above") || out.String() != "1 failed\n" {
		t.Errorf("%v\n%s\nout: %s", err, c.List.String(), out.String())
	}
}

// Where the commit is refused, nothing is left of a promotion: no status, no evidence, and the link is as it was.
func TestRefusedByAHook(t *testing.T) {
	w := newWorld(t)
	w.Write(".git/hooks/pre-commit", "#!/bin/sh\necho no commits on Fridays >&2\nexit 1\n")
	if err := os.Chmod(filepath.Join(w.Root, ".git/hooks/pre-commit"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := w.State()
	c, err := w.desk(nil).Promote(t.Context(), "ws-multi", Evidence{})
	if err != nil || !c.List.Met() {
		t.Fatalf("%v\n%s", err, c.List.String())
	}
	if err := c.Make(t.Context()); err == nil || !strings.Contains(err.Error(), "no commits on Fridays; all was taken back") {
		t.Errorf("it says %v", err)
	}
	if to, err := os.Readlink(filepath.Join(w.Root, Link)); err != nil || to != "ws-single" || w.State() != before {
		t.Errorf("ws points at %s, %v\n%s", to, err, w.State())
	}
	if _, err := os.Stat(filepath.Join(w.Root, "scripts", "evidence")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("evidence is left: %v", err)
	}
}

func TestInProductionAlready(t *testing.T) {
	w := newWorld(t)
	c, err := w.desk(nil).Promote(t.Context(), "ws-single", Evidence{})
	if err != nil || c.List.Met() || c.List.String() != "  NO  ws-single is in production already: ws points at it\n" {
		t.Errorf("%v\n%s", err, c.List.String())
	}
}

func TestWhatCannotBeLookedAt(t *testing.T) {
	for name, test := range map[string]struct {
		spoil    func(*world)
		variant  string
		evidence func(*world) Evidence
		says     string
		is       error
	}{
		"no such variant": {variant: "ws-none", says: `"ws-none"; there are ws-multi, ws-single`, is: ErrUnknown},
		"the link itself": {variant: "ws", says: "no such variant", is: ErrUnknown},
		"no link":         {spoil: func(w *world) { w.Git("rm", "--quiet", "ws") }, says: "ws must be a link to it, as git restore ws makes it"},
		"a link to nothing": {spoil: func(w *world) {
			if err := errors.Join(os.Remove(filepath.Join(w.Root, "ws")), os.Symlink("ws-gone", filepath.Join(w.Root, "ws"))); err != nil {
				w.t.Fatal(err)
			}
		}, says: "ws points at ws-gone, which is none of ws-multi, ws-single"},
		"a VERSION that is none": {spoil: func(w *world) { w.Write("ws-multi/VERSION", "v1\n") }, says: "parse VERSION"},
		"no limits":              {spoil: func(w *world) { w.Git("rm", "--quiet", "deploy/limits.yml") }, says: "read limits"},
		"a report that is none":  {evidence: func(w *world) Evidence { return Evidence{Parity: filepath.Join(w.Root, "README.md")} }, says: "read parity report"},
		"a result that is none":  {evidence: func(w *world) Evidence { return Evidence{Bench: []string{filepath.Join(w.Root, "README.md")}} }, says: "read result"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.spoil != nil {
				test.spoil(w)
			}
			var e Evidence
			if test.evidence != nil {
				e = test.evidence(w)
			}
			if test.variant == "" {
				test.variant = "ws-multi"
			}
			_, err := w.desk(nil).Promote(t.Context(), test.variant, e)
			if err == nil || !strings.Contains(err.Error(), test.says) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// Promoted, gone back, and promoted again by the same evidence: what is written moves neither tree.
func TestPromotionAndBack(t *testing.T) {
	w := newWorld(t)
	var out strings.Builder
	look := func() *change.Change {
		t.Helper()
		c, err := w.desk(&out).Promote(t.Context(), "ws-multi", Evidence{})
		if err != nil {
			t.Fatal(err)
		}
		if !c.List.Met() {
			t.Fatalf("not met:\n%s", c.List.String())
		}
		return c
	}
	made := func(c *change.Change) {
		t.Helper()
		if err := c.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.Git("status", "--porcelain"); got != "" {
			t.Fatalf("left: %s", got)
		}
	}
	before := w.State()
	c := look()
	if w.State() != before || out.String() != "all is tested\n" {
		t.Fatalf("it only looks, and changes\n%s", w.State())
	}
	const folder = "scripts/evidence/promotion/2026-11-26-ws-multi/"
	want := []string{
		"keep " + folder + "parity.json", "keep " + folder + "bench-broadcast.json", "keep " + folder + "promotion.md",
		"write ws-multi/VERSION: status production, it was candidate", "write ws-single/VERSION: status standby, it was production",
		"turn the link ws from ws-single to ws-multi", "commit it: promote: ws-multi is in production, ws-single stands by",
	}
	if got := c.Steps(); !slices.Equal(got, want) {
		t.Errorf("it would %q", got)
	}
	made(c)
	w.is("ws-multi", "v0.1.0", "v1.0.0")
	const message = "promote: ws-multi is in production, ws-single stands by\n\nws-multi v0.1.0 takes the place of ws-single v1.0.0, by the evidence of\n\n" +
		"  " + folder + "parity.json\n  " + folder + "bench-broadcast.json\n  " + folder + "promotion.md"
	if got := w.Git("log", "-1", "--format=%B"); got != message {
		t.Errorf("the commit says\n%s", got)
	}
	if got := w.Git("show", "--format=", "--name-status"); got != "A\t"+folder+"bench-broadcast.json\nA\t"+folder+"parity.json\nA\t"+folder+"promotion.md\nM\tws\nM\tws-multi/VERSION\nM\tws-single/VERSION" {
		t.Errorf("committed\n%s", got)
	}
	if w.Read(folder+"parity.json") != w.Read("scripts/.cache/parity/20261126-120000.json") || w.Read(folder+"bench-broadcast.json") != w.Read("scripts/.cache/bench/20261126-130000-broadcast.json") {
		t.Error("what was kept is not what was looked at")
	}
	page := w.Read(folder + "promotion.md")
	for _, says := range []string{
		"# ws-multi in place of ws-single, 2026-11-26\n", "| ws-multi, in production from now on | v0.1.0 | `" + w.tree("ws-multi") + "` |", "`" + w.tree("ws-single") + "`",
		"\n- sh -c echo all is tested passes\n", "24000 records in 120 s, with clients that moved 12 times", "limit 1.1), p99 latency ", "; of ws-multi@shards=1's deliveries 100% arrived", "--rollback --yes",
	} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %q:\n%s", says, page)
		}
	}

	back, err := w.desk(nil).Rollback(t.Context())
	if err != nil || !back.List.Met() {
		t.Fatalf("%v\n%s", err, back.List.String())
	}
	made(back)
	w.is("ws-single", "v1.0.0", "v0.1.0")
	if got := w.Git("log", "-1", "--format=%s"); got != "promote: back to ws-single, ws-multi stands by" {
		t.Errorf("the commit says %s", got)
	}

	again := look()
	made(again)
	w.is("ws-multi", "v0.1.0", "v1.0.0")
	if got := w.Git("show", "--format=", "--name-only", "--diff-filter=A"); !strings.Contains(got, "2026-11-26-ws-multi-2/parity.json") {
		t.Errorf("the second time it keeps\n%s", got)
	}
}

// is holds the link and both VERSION files to who is in production.
func (w *world) is(production, version, other string) {
	w.t.Helper()
	standby := map[string]string{"ws-single": "ws-multi", "ws-multi": "ws-single"}[production]
	to, err := os.Readlink(filepath.Join(w.Root, "ws"))
	if err != nil || to != production {
		w.t.Errorf("ws points at %s, %v", to, err)
	}
	if now := w.Git("ls-tree", "HEAD", "ws"); !strings.HasPrefix(now, "120000 blob ") {
		w.t.Errorf("ws is committed as %s", now)
	}
	if text := w.Read(production + "/VERSION"); !strings.Contains(text, "version: "+version+"\nstatus: production\n") {
		w.t.Errorf("%s", text)
	}
	if text := w.Read(standby + "/VERSION"); !strings.Contains(text, "version: "+other+"\nstatus: standby\n") {
		w.t.Errorf("%s", text)
	}
}

// The newest evidence of these trees counts, not the newest of all.
func TestWhichEvidence(t *testing.T) {
	w := newWorld(t)
	older := filepath.Join(w.Root, benchFolder, "20261126-130000-broadcast.json")
	other := w.measured()
	other.Trees = map[string]string{"ws-multi": "0000", "ws-single": "1111"}
	if err := other.Write(filepath.Join(w.Root, benchFolder, "20261126-140000-broadcast.json")); err != nil {
		t.Fatal(err)
	}
	report := w.alike()
	report.Variants[1].Tree, report.Started = "0000", report.Started.AddDate(0, 0, 1)
	report.Judge()
	if err := report.Write(filepath.Join(w.Root, parityFolder, "20261127-120000.json")); err != nil {
		t.Fatal(err)
	}
	w.Write(filepath.Join(parityFolder, "20261128-120000.json"), "{}")
	w.Write(filepath.Join(benchFolder, "20261128-120000-broadcast.json"), "{}")
	c, err := w.desk(nil).Promote(t.Context(), "ws-multi", Evidence{})
	if err != nil || !c.List.Met() || !strings.Contains(c.List.String(), "20261126-130000-broadcast.json") {
		t.Errorf("%v\n%s", err, c.List.String())
	}
	// What is named is taken, whatever else there is.
	c, err = w.desk(nil).Promote(t.Context(), "ws-multi", Evidence{Bench: []string{filepath.Join(w.Root, benchFolder, "20261126-140000-broadcast.json")}})
	if err != nil || !strings.Contains(c.List.String(), "it is of another ws-multi: of tree 0000") {
		t.Errorf("%v\n%s", err, c.List.String())
	}
	if c, err = w.desk(nil).Promote(t.Context(), "ws-multi", Evidence{Bench: []string{older}, Parity: filepath.Join(w.Root, parityFolder, "20261127-120000.json")}); err != nil || !strings.Contains(c.List.String(), "it is of another ws-multi: of tree 0000") {
		t.Errorf("%v\n%s", err, c.List.String())
	}
}

// A report may have been committed, as evidence that others can read.
func TestACommittedReport(t *testing.T) {
	w := newWorld(t)
	text := w.Read("scripts/.cache/parity/20261126-120000.json")
	w.forget(parityFolder)
	w.Write("scripts/evidence/parity.json", text)
	w.Commit("a report")
	c, err := w.desk(nil).Promote(t.Context(), "ws-multi", Evidence{})
	if err != nil || !c.List.Met() || !strings.Contains(c.List.String(), "ok  parity, parity.json: both gave the same messages") {
		t.Errorf("%v\n%s", err, c.List.String())
	}
}

func TestPromoteEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	desk := w.desk(writer(func([]byte) { cancel() }))
	desk.Tests = []string{"sh", "-c", "echo begun; exec sleep 300"}
	before := w.State()
	if _, err := desk.Promote(ctx, "ws-multi", Evidence{}); !errors.Is(err, context.Canceled) || w.State() != before {
		t.Errorf("%v", err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}
