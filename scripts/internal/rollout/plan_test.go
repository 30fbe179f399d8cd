package rollout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const goodPlan = `
incumbent:
  name: a
  metrics: job="ws",variant="a"
  instances:
    - {server: ws/a, admin: "http://${HOST-127.0.0.1}:1"}
challenger:
  name: b
  metrics: job="ws",variant="b"
  instances:
    - {server: ws/b, admin: "http://127.0.0.1:2"}
haproxy: /run/admin.sock
prometheus: http://127.0.0.1:9090
limits: limits.yml
pace: 5
steps:
  - {share: 10, hold: 1m30s}
  - {share: 50, hold: forever}
`

func readPlan(t *testing.T, text string, env func(string) string) (*Plan, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.yml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return ReadPlan(path, env)
}

func noEnv(string) string { return "" }

func TestReadPlan(t *testing.T) {
	p, err := readPlan(t, goodPlan, func(name string) string { return map[string]string{"HOST": "10.0.0.1"}[name] })
	if err != nil || p.Incumbent.Instances[0].Admin != "http://10.0.0.1:1" {
		t.Errorf("with HOST set: %+v, %v", p, err)
	}
	if p, err = readPlan(t, goodPlan, noEnv); err != nil {
		t.Fatal(err)
	}
	if p.Incumbent.Instances[0].Admin != "http://127.0.0.1:1" || p.Steps[0] != (Step{10, Hold(90 * time.Second)}) || p.Steps[1].Hold != Forever ||
		p.Pace != 5 || p.Tolerance != 1 || !filepath.IsAbs(p.Limits) || p.Watched() != Challenger {
		t.Errorf("got %+v", p)
	}
	q, err := p.Drain("b")
	if err != nil || len(q.Steps) != 1 || q.Steps[0].Share != 0 || q.Watched() != Incumbent || q.identity() == p.identity() {
		t.Errorf("drain b: %+v, %v", q, err)
	}
	if _, err := p.Drain("c"); err == nil || !strings.Contains(err.Error(), "the plan has a and b") {
		t.Errorf("drain c: %v", err)
	}
}

func TestPlanErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"pace: 5", "pase: 5", "field pase not found"},
		{"pace: 5", "pace: 0", "pace cannot be 0: write how many"},
		{"pace: 5", "pace: .nan", "pace cannot be NaN"},
		{"pace: 5", "tolerance: 50", "tolerance cannot be 50"},
		{"name: b", "name: a", "challenger: name is needed, another"},
		{"server: ws/b", "server: b", `server cannot be "b": write BACKEND/SERVER`},
		{"server: ws/b", "server: ws/a", "each one once"},
		{"http://127.0.0.1:2", "127.0.0.1:2", "write the URL of its admin address"},
		{"haproxy: /run/admin.sock", "haproxy: admin.sock", "write the path of its socket, from /, or host:port"},
		{"prometheus: http://127.0.0.1:9090", "prometheus: 127.0.0.1", "write its URL"},
		{"limits: limits.yml", "", "limits is needed"},
		{"share: 10", "share: 110", "share of step 1 cannot be 110"},
		{"hold: 1m30s", "hold: 90", `hold cannot be "90": write a time`},
		{"hold: 1m30s", "hold: forever", "step 1 is held forever, and others follow"},
		{"HOST-127.0.0.1", "HOST", "${HOST} is not set in the environment"},
		{"${HOST-127.0.0.1}:1\"}", "${HOST-127.0.0.1:1\"", "has no closing brace"},
		{`  metrics: job="ws",variant="b"`, "", "challenger: metrics is needed"},
	} {
		if !strings.Contains(goodPlan, c.old) {
			t.Fatalf("the plan has no %q", c.old)
		}
		if _, err := readPlan(t, strings.Replace(goodPlan, c.old, c.new, 1), noEnv); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.new, err, c.want)
		}
	}
	if _, err := readPlan(t, "", noEnv); err == nil || !strings.Contains(err.Error(), "it is empty") {
		t.Errorf("empty: %v", err)
	}
	// Another file of this project's, most likely the limits.
	if _, err := readPlan(t, "promotion:\n  parity: {seconds: 120}\n", noEnv); err == nil || !strings.Contains(err.Error(), "hardly a plan: scripts/rollout --help") {
		t.Errorf("limits: %v", err)
	}
	if _, err := readPlan(t, goodPlan+"  :\n\t-", noEnv); err == nil || strings.Contains(err.Error(), "hardly a plan") {
		t.Errorf("a plan with a slip: %v", err)
	}
}

// What is shipped can be read: the plans, and the limits that they name.
func TestShipped(t *testing.T) {
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rollout.yml": "[{0 2m} {10 10m} {30 10m} {50 30m} {80 30m} {100 30m}]", "ab.yml": "[{50 forever}]"} {
		p, err := ReadPlan(filepath.Join(root, "deploy", "haproxy", name), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range p.Steps {
			all = append(all, "{"+number(float64(s.Share))+" "+s.Hold.String()+"}")
		}
		if got := "[" + strings.Join(all, " ") + "]"; got != want {
			t.Errorf("%s: %s", name, got)
		}
		l, err := ReadLimits(p.Limits)
		if err != nil || l.Window < 10*time.Second || l.P99 <= 1 {
			t.Errorf("%s: limits %+v, %v", name, l, err)
		}
	}
}

func TestLimitErrors(t *testing.T) {
	const good = "rollout:\n  window: 1m\n  gaps: 0\n  kafka_gaps: 0\n  slow_closes: 0\n  rejections: 0\n  p99: 2\n  p99_ignored_below: 5ms\n  restarts: 0\n"
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{"  gaps: 0\n", "", "gaps is needed"},
		{"  gaps: 0\n", "  gaps: -1\n", "gaps is needed"},
		{"  gaps: 0\n", "  gap: 0\n", "field gap not found"},
		{"p99: 2", "p99: 0.5", "p99 is needed, a number from 1"},
		{"window: 1m", "window: 1ms", "window is needed"},
		{"5ms", "-5ms", "p99_ignored_below is needed"},
		{"rollout:", "promotion:", "it has no section rollout"},
	} {
		path := filepath.Join(t.TempDir(), "limits.yml")
		if err := os.WriteFile(path, []byte(strings.Replace(good, c.old, c.new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := ReadLimits(path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.new, err, c.want)
		}
	}
}
