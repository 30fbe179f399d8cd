package rollout

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Finding is a figure beside its limit.
type Finding struct {
	Name   Figure
	Value  string // as people read it; "" when it is not known
	Limit  string
	Beyond bool
}

// Verdict is what a look at Prometheus came to.
type Verdict struct {
	Findings []Finding
	Blind    string // why nothing can be said, or ""
}

// Bad says in words what is beyond its limit, or is "".
func (v Verdict) Bad() string {
	var bad []string
	for _, f := range v.Findings {
		if f.Beyond {
			bad = append(bad, fmt.Sprintf("%s %s, the limit is %s", strings.ReplaceAll(string(f.Name), "_", " "), f.Value, f.Limit))
		}
	}
	return strings.Join(bad, "; ")
}

// judge holds the figures of the watched side to the limits. A figure that is not known is not beyond: there is nothing of
// it in the window. That Prometheus sees both sides is held too, or nothing would ever be found: their targets, and of the
// watched side the one figure that each process has from its first scrape.
func judge(l Limits, f Figures, p *Plan) Verdict {
	var v Verdict
	for _, s := range []struct {
		at Figure
		of *Side
	}{{known, p.Side(p.Watched())}, {otherKnown, p.Side(p.Watched().Other())}} {
		if n := int(f[s.at]); n < len(s.of.Instances) {
			v.Blind = fmt.Sprintf("Prometheus has scraped %d of %d instances of %s: is metrics, {%s}, what selects them, and are its targets up?",
				n, len(s.of.Instances), s.of.Name, s.of.Metrics)
			return v
		}
	}
	if _, ok := f[Restarts]; !ok {
		w := p.Side(p.Watched())
		v.Blind = fmt.Sprintf("Prometheus has no process_start_time_seconds of %s: does metrics, {%s}, select all of its series?", w.Name, w.Metrics)
		return v
	}
	hold := func(name Figure, limit float64, show func(float64) string) {
		at := Finding{Name: name, Limit: show(limit)}
		if value, ok := f[name]; ok && !math.IsNaN(value) {
			at.Value, at.Beyond = show(value), value > limit
		}
		v.Findings = append(v.Findings, at)
	}
	hold(Gaps, l.Gaps, percent)
	hold(KafkaGaps, l.KafkaGaps, number)
	hold(SlowCloses, l.SlowCloses, percent)
	hold(Rejections, l.Rejections, percent)
	v.Findings = append(v.Findings, judgeP99(l, f))
	hold(Restarts, l.Restarts, number)
	return v
}

// judgeP99 compares both sides, unless the watched one is fast by itself.
func judgeP99(l Limits, f Figures) Finding {
	floor := l.P99IgnoredBelow.Seconds()
	at := Finding{Name: P99, Limit: "over " + milliseconds(floor) + " " + number(l.P99) + " times the other's"}
	mine, ok := f[P99]
	if !ok || math.IsNaN(mine) {
		return at
	}
	at.Value = milliseconds(mine)
	other, ok := f[OtherP99]
	if !ok || math.IsNaN(other) || other == 0 {
		return at // nothing to compare with
	}
	at.Value += fmt.Sprintf(" (%s times %s)", number(mine/other), milliseconds(other))
	at.Beyond = mine > floor && mine > l.P99*other
	return at
}

func percent(share float64) string { return number(share*100) + " %" }

// number has three digits that count.
func number(x float64) string {
	if math.Abs(x) >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func milliseconds(s float64) string { return number(s*1000) + " ms" }

// short is a time to the second, without parts that are zero.
func short(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
