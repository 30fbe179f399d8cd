package promotion

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/scratch"
)

func TestTheLimitsOfThisRepository(t *testing.T) {
	l, err := ReadLimits("../../../deploy/limits.yml")
	if err != nil || len(l.Comparisons) == 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestLimitsThatAreNone(t *testing.T) {
	for change, why := range map[string]string{
		"p99: 1.15>p99: 0":        "p99, cpu and memory must be ratios above 0",
		"cpu: 1.1>":               "must be ratios above 0",
		"memory: 1.25>memory: -1": "must be ratios above 0",
		"reach: 1>reach: 1.01":    "reach must be a share",
		"reach: 1>reach: 99%":     "cannot unmarshal",
		"cpu: 1.1>cpus: 1.1":      "field cpus not found",
		"promotion>promotions":    "field promotions not found",
		"moves: 5>moves: 0":       "parity must ask for",
		", late: 10s>":            "and say what is late",
		"seconds: 60, >":          "parity must ask for",
		"    - {scenario: broadcast, connections: 1000}\n>": "comparisons has none",
		"broadcast>nothing-like-it":                         "nothing-like-it",
		"broadcast>unwanted":                                "unwanted delivers nothing",
		"broadcast>idle":                                    "idle delivers nothing",
		", connections: 1000>":                              "broadcast needs connections",
		"connections: 1000}>connections: 1000}\n    - {scenario: broadcast, connections: 1}": "broadcast is there twice",
	} {
		old, now, _ := strings.Cut(change, ">")
		root := t.TempDir()
		text := strings.Replace(limits, old, now, 1)
		if text == limits {
			t.Errorf("%q changes nothing", change)
		}
		scratch.Write(t, root, "limits.yml", text)
		path := filepath.Join(root, "limits.yml")
		if _, err := ReadLimits(path); err == nil || !strings.HasPrefix(err.Error(), "read limits "+path+": ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %s", change, err, why)
		}
	}
	if _, err := ReadLimits(filepath.Join(t.TempDir(), "limits.yml")); err == nil {
		t.Error("no file is taken")
	}
}
