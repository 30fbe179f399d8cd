package rollout

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	p := &Plan{Incumbent: Side{Name: "a", Instances: make([]Instance, 1)}, Challenger: Side{Name: "b", Metrics: `job="b"`, Instances: make([]Instance, 2)}}
	l := Limits{Window: time.Minute, Gaps: 0.001, SlowCloses: 0.001, Rejections: 0.01, P99: 2.5, P99IgnoredBelow: 50 * time.Millisecond}
	fine := Figures{known: 2, otherKnown: 1, Gaps: 0.001, KafkaGaps: 0, SlowCloses: 0, Rejections: 0.01, P99: 0.1, OtherP99: 0.04, Restarts: 0}
	for _, c := range []struct {
		name       string
		change     Figures
		gone       Figure
		bad, blind string
	}{
		{name: "on its limits"},
		{name: "gaps", change: Figures{Gaps: 0.002}, bad: "gaps 0.2 %, the limit is 0.1 %"},
		{name: "kafka gaps", change: Figures{KafkaGaps: 3}, bad: "kafka gaps 3, the limit is 0"},
		{name: "slow closes", change: Figures{SlowCloses: 0.5}, bad: "slow closes 50 %"},
		{name: "rejections", change: Figures{Rejections: 0.2}, bad: "rejections 20 %, the limit is 1 %"},
		{name: "p99", change: Figures{P99: 0.2}, bad: "p99 200 ms (5 times 40 ms), the limit is over 50 ms 2.5 times the other's"},
		{name: "p99 that is low", change: Figures{P99: 0.05, OtherP99: 0.001}},
		{name: "p99 without another", change: Figures{P99: 5, OtherP99: math.NaN()}},
		{name: "restarts", change: Figures{Restarts: 1}, bad: "restarts 1, the limit is 0"},
		{name: "two", change: Figures{Restarts: 1, Gaps: 1}, bad: "gaps 100 %, the limit is 0.1 %; restarts 1, the limit is 0"},
		{name: "nobody came", change: Figures{Rejections: math.NaN(), Gaps: math.NaN()}},
		{name: "one is not scraped", change: Figures{known: 1, Restarts: 1}, blind: `Prometheus has scraped 1 of 2 instances of b: is metrics, {job="b"}`},
		{name: "its series are not there", gone: Restarts, blind: `Prometheus has no process_start_time_seconds of b: does metrics, {job="b"}`},
		{name: "the other is not", change: Figures{otherKnown: 0}, blind: "Prometheus has scraped 0 of 1 instances of a"},
	} {
		figures := maps.Clone(fine)
		maps.Copy(figures, c.change)
		delete(figures, c.gone)
		v := judge(l, figures, p)
		if !strings.HasPrefix(v.Bad(), c.bad) || c.bad == "" && v.Bad() != "" || !strings.HasPrefix(v.Blind, c.blind) || c.blind == "" && v.Blind != "" {
			t.Errorf("%s: bad %q, blind %q", c.name, v.Bad(), v.Blind)
		}
	}
}

// The log is one object a line, also where a figure is no number.
func TestLog(t *testing.T) {
	var b bytes.Buffer
	log := LogTo(&b)
	for _, e := range []Event{
		{Kind: Held, Text: "a & b", Step: 2, Share: 0.3, Figures: Figures{P99: 0.01, Gaps: math.NaN()}.known()},
		{Kind: Looked},
		{Kind: Ended, Weights: map[string]int{"ws/a": 3}},
	} {
		if err := log(e); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"text":"a & b"`) {
		t.Fatalf("got %s", b.String())
	}
	var e Event
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || e.Kind != Held || e.Figures[P99] != 0.01 || len(e.Figures) != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
	if err := json.Unmarshal([]byte(lines[1]), &e); err != nil || e.Weights["ws/a"] != 3 {
		t.Errorf("got %+v, %v", e, err)
	}
}

// The picture is drawn over its own last one, and no line is wider than the terminal.
func TestScreen(t *testing.T) {
	p := &Plan{Incumbent: Side{Name: "ws-single", Instances: []Instance{{Server: "ws/ws-single"}}},
		Challenger: Side{Name: "ws-multi", Instances: []Instance{{Server: "ws/ws-multi"}}}, Steps: []Step{{0, 0}, {30, Hold(10 * time.Minute)}}}
	var b bytes.Buffer
	screen := Screen(&b, p, func() int { return 60 })
	e := Event{Kind: Reached, At: time.Unix(0, 0).UTC(), Step: 2, Steps: 2, Phase: Holding, Target: 0.3, Share: 0.25, Incumbent: 75, Challenger: 25, HeldS: 65,
		Weights:  map[string]int{"ws/ws-single": 252, "ws/ws-multi": 108},
		Findings: []Finding{{Name: SlowCloses, Value: "3 %", Limit: "0.1 %", Beyond: true}, {Name: P99, Limit: "x"}}, Text: "reached 25 % " + strings.Repeat("and more ", 20)}
	if err := screen(e); err != nil {
		t.Fatal(err)
	}
	first := b.String()
	for _, want := range []string{
		"rollout of ws-multi beside ws-single: step 2 of 2, 30 %", "  ws-single  ", "25.0 % of 30 %", " 0 [30]", "slow closes  3 %, limit 0.1 %  BEYOND", "00:00:00  reached 25 %",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	for _, line := range strings.Split(first, "\n") {
		if len([]rune(line)) > 59 {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	b.Reset()
	if err := screen(e); err != nil {
		t.Fatal(err)
	}
	if up := "\x1b[" + number(float64(strings.Count(first, "\n"))) + "A\x1b[J"; !strings.HasPrefix(b.String(), up) {
		t.Errorf("the second picture begins with %q, want %q", b.String()[:10], up)
	}
}

func TestLines(t *testing.T) {
	p := &Plan{Incumbent: Side{Name: "a"}, Challenger: Side{Name: "b"}, Steps: []Step{{30, Hold(time.Minute)}}}
	var b bytes.Buffer
	lines := Lines(&b, p)
	at := time.Unix(0, 0).UTC()
	for i, kind := range []Kind{Began, Looked, Looked, Looked} {
		if err := lines(Event{Kind: kind, Text: "begins", At: at.Add(time.Duration(i) * 5 * time.Second), Step: 1, Steps: 1, Phase: Moving, Target: 0.3, Share: 0.1, Incumbent: 9, Challenger: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := b.String(), "00:00:00  begins\n00:00:10  step 1 of 1, 30 %, moving; a 9, b 1 (10.0 %)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
