package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/deploy/promql"
)

// ruleFile is a file of Prometheus' rules.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

func readYAML(t *testing.T, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rules are those of deploy/prometheus, or of a copy.
func rules(t *testing.T, dir string) (recorded, alerts []rule) {
	t.Helper()
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		var f ruleFile
		readYAML(t, filepath.Join(dir, "rules", name), &f)
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					alerts = append(alerts, r)
				} else {
					recorded = append(recorded, r)
				}
			}
		}
	}
	return recorded, alerts
}

func prometheusDir(t *testing.T) string {
	t.Helper()
	root, _ := repository(t)
	return filepath.Join(root, "deploy", "prometheus")
}

// promtool runs it in a folder.
func promtool(t *testing.T, dir string, args ...string) (output string, err error) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Fatal("promtool is not installed (Debian: apt-get install prometheus)")
	}
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPrometheusConfig(t *testing.T) {
	t.Parallel()
	dir := prometheusDir(t)
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"test", "rules", "tests/recording.yml", "tests/alerts.yml"}} {
		if out, err := promtool(t, dir, args...); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	jobs := scraped(t, filepath.Join(dir, "..", ".."))
	if len(jobs["ws"]) != 2 {
		t.Errorf("the job ws has the targets %v, want both variants by name", jobs["ws"])
	}
}

// What rules read exists.
func TestRulesExist(t *testing.T) {
	recorded, alerts := rules(t, prometheusDir(t))
	var names []string
	for _, r := range recorded {
		names = append(names, r.Record)
	}
	for _, r := range slices.Concat(recorded, alerts) {
		if err := promql.Exists(r.Expr, names); err != nil {
			t.Errorf("%s%s: %v", r.Record, r.Alert, err)
		}
	}
}

// Each alert has tests in which it fires and in which it does not, and they find one that never does, or always.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	dir := prometheusDir(t)
	_, alerts := rules(t, dir)
	var tests struct {
		Tests []struct {
			Name  string
			Cases []struct {
				Alert string      `yaml:"alertname"`
				Fires []yaml.Node `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, filepath.Join(dir, "tests", "alerts.yml"), &tests)
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, c := range test.Cases {
			if c.Alert != test.Name {
				t.Errorf("the test %s is of %s", test.Name, c.Alert)
			}
			if len(c.Fires) > 0 {
				fires[c.Alert] = true
			} else {
				rests[c.Alert] = true
			}
		}
	}
	for _, a := range alerts {
		if !fires[a.Alert] || !rests[a.Alert] {
			t.Errorf("%s is tested firing: %t, resting: %t", a.Alert, fires[a.Alert], rests[a.Alert])
		}
	}
	for _, expr := range []string{"vector(0) > 1", "vector(1)"} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			out := changed(t, "alerts.yml", expr)
			for _, a := range alerts {
				if !strings.Contains(out, "alertname: "+a.Alert+",") {
					t.Errorf("no test finds that %s is %s", a.Alert, expr)
				}
			}
		})
	}
}

// Each recorded series has a test that finds when it is another.
func TestRecordedAreTested(t *testing.T) {
	t.Parallel()
	recorded, _ := rules(t, prometheusDir(t))
	out := changed(t, "recording.yml", "vector(-17)")
	for _, r := range recorded {
		if !regexp.MustCompile(`expr: ".*\b` + r.Record + `\b.*", time`).MatchString(out) {
			t.Errorf("no test finds that %s is another series:\n%s", r.Record, out)
		}
	}
}

// changed is what promtool finds where each rule of a file is another expression.
func changed(t *testing.T, file, expr string) (output string) {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(prometheusDir(t))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(copied, "rules", file)
	var f ruleFile
	readYAML(t, path, &f)
	for _, g := range f.Groups {
		for i := range g.Rules {
			g.Rules[i].Expr = expr
		}
	}
	text, err := yaml.Marshal(f)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := promtool(t, copied, "test", "rules", "tests/"+file)
	if err == nil {
		t.Fatalf("the tests take rules that are %s", expr)
	}
	return out
}

const runbookURL = "https://github.com/adred-codev/ws_poc/blob/main/deploy/prometheus/RUNBOOK.md#"

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	anchor  = regexp.MustCompile(`\]\(#([^)]+)\)`)
	metrics = regexp.MustCompile(`\bws_[a-z_]+\b`)
	setting = regexp.MustCompile(`\b(?:WS|KAFKA)_[A-Z_]+\b`)
)

// Each alert says how bad it is and what is wrong, and leads to a section of the runbook; there is none besides.
func TestRunbook(t *testing.T) {
	dir := prometheusDir(t)
	_, alerts := rules(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "RUNBOOK.md"))
	if err != nil {
		t.Fatal(err)
	}
	runbook := string(text)
	sections := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(runbook, -1) {
		sections[slug(m[1])] = true
	}
	for _, m := range anchor.FindAllStringSubmatch(runbook, -1) {
		if !sections[m[1]] {
			t.Errorf("the runbook links to #%s, which is not there", m[1])
		}
	}
	for _, a := range alerts {
		if s := a.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, s) {
			t.Errorf("%s has the severity %q", a.Alert, s)
		}
		if a.Annotations["summary"] == "" {
			t.Errorf("%s does not say what is wrong", a.Alert)
		}
		at, ok := strings.CutPrefix(a.Annotations["runbook_url"], runbookURL)
		if !ok || at != slug(a.Alert) || !sections[at] {
			t.Errorf("%s leads to %q", a.Alert, a.Annotations["runbook_url"])
		}
		delete(sections, at)
	}
	for s := range sections {
		t.Errorf("the section %s belongs to no alert", s)
	}
	known := map[string]bool{}
	for _, d := range metric.All() {
		known[d.Name] = true
	}
	for _, name := range metrics.FindAllString(runbook, -1) {
		if !known[name] && !strings.Contains(runbook, ":"+name) {
			t.Errorf("the runbook has %s, which is no metric", name)
		}
	}
	settings := settingNames(t)
	for _, name := range setting.FindAllString(runbook, -1) {
		if !settings[name] {
			t.Errorf("the runbook has %s, which is no setting", name)
		}
	}
}

// slug is GitHub's anchor of a heading.
func slug(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// settingNames are those of all servers.
func settingNames(t *testing.T) map[string]bool {
	t.Helper()
	_, variants := repository(t)
	names := map[string]bool{}
	for _, v := range variants {
		binary, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out, err := configured(t.Context(), binary, nil, "print")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, name := range setting.FindAllString(out, -1) {
			names[name] = true
		}
	}
	return names
}
