package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/rollout"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// A rollout comes true, step by step; killed in the middle of one, with HAProxy reloaded before it is back, it goes on; a drain takes
// all clients back. Nobody loses anything.
func TestRollout(t *testing.T) {
	t.Parallel()
	const clients = 200
	r := newRig(t, rigOptions{clients: clients, rate: 40, pace: 100, hold: 3 * time.Second, steps: []int{0, 30, 100}})
	first := r.start()
	r.is(first.wait("0 % is reached", at(rollout.Reached, 0)), clients)
	r.is(first.wait("30 % is reached", at(rollout.Reached, 30)), clients)
	first.kill()
	died := r.state() // on a busy machine it may have gone on from there
	if err := r.proxy.Reload(stage.Within(t)); err != nil {
		t.Fatal(err)
	}

	// Without --resume it does not begin in the middle.
	if refused := r.start(); refused.code() != 1 || !strings.Contains(refused.out.String(), fmt.Sprintf("stopped in the middle of step %d", died.Step+1)) {
		t.Errorf("begun anew, it says %s", refused.out.String())
	}
	again := r.start("--resume")
	if e := again.wait("it goes on", of(rollout.Began)); e.Step != died.Step+1 || !strings.Contains(e.Text, fmt.Sprintf("goes on at step %d of 3", died.Step+1)) {
		t.Errorf("it went on with %+v", e)
	}
	again.wait("it sees that the weights are others", of(rollout.Changed, rollout.Reloaded))
	if e := again.wait("it sets them", of(rollout.Weighted)); e.Weights["ws/ws-multi"] == 0 {
		t.Errorf("it set %v", e.Weights)
	}
	if died.Step == 1 {
		again.wait("30 % is held", at(rollout.Held, 30))
	}
	r.is(again.wait("100 % is reached", at(rollout.Reached, 100)), clients)
	again.wait("100 % is held", at(rollout.Held, 100))
	if code := again.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	// The weights are those of the last share, in the HAProxy of after the reload.
	v, err := r.proxy.Runtime.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := v.Server("ws/ws-single"); s.Weight != 0 {
		t.Errorf("HAProxy has %+v", v)
	}

	r.allFiguresAreKnown()

	var out strings.Builder
	env := func(name string) string { return map[string]string{"WS_ADMIN_TOKEN": token}[name] }
	if code := run(t.Context(), []string{r.plan, "--dry-run", "--drain", "ws-multi"}, env, &out, &out); code != 0 ||
		!strings.Contains(out.String(), "ws-multi 200: 100 %") {
		t.Errorf("a dry run ended with %d: %s", code, out.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{r.plan, "--dry-run"}, func(string) string { return "" }, &out, &out); code != 1 ||
		!strings.Contains(out.String(), "ws/ws-single refuses /rebalance with 401: set WS_ADMIN_TOKEN") {
		t.Errorf("without the token a dry run ended with %d: %s", code, out.String())
	}
	drain := r.start("--drain", "ws-multi")
	r.is(drain.wait("ws-multi is empty", at(rollout.Reached, 0)), clients)
	if code := drain.code(); code != 0 {
		t.Errorf("the drain ended with %d", code)
	}
	report := r.whole()
	moved := report.Closes[int(wire.CloseRebalance)]
	if moved < 2*clients-clients/10 || moved > 2*clients+clients/10 {
		t.Errorf("%d clients moved, want each twice: %v", moved, report)
	}
	// On a machine that is shared with other tests a client may be too late with a pong; it comes back as all do.
	if others := len(report.Ends) - moved; others > clients/2 {
		t.Errorf("%d ends were none of the rollout's: %v", others, report)
	}
	if s := r.state(); s.Phase != rollout.Done {
		t.Errorf("the state is %+v", s)
	}
}

// A challenger that refuses clients is halted and taken back, and its clients are none the worse.
func TestChallengerThatRefuses(t *testing.T) {
	t.Parallel()
	const clients = 120
	r := newRig(t, rigOptions{clients: clients, rate: 40, pace: 60, hold: 3 * time.Second, steps: []int{10, 50},
		settings: [2]stage.Settings{nil, {"WS_MAX_CONNECTIONS": "40"}}})
	p := r.start()
	r.is(p.wait("10 % is reached", at(rollout.Reached, 10)), clients)
	halting := p.wait("it halts", of(rollout.Halting))
	if !strings.Contains(halting.Text, "ws-multi is worse than the limits: rejections ") || halting.Figures[rollout.Rejections] <= 0.01 {
		t.Errorf("it halted with %+v", halting)
	}
	r.is(p.wait("it ends", at(rollout.Ended, 10)), clients)
	if code := p.code(); code != 1 || !strings.Contains(p.out.String(), "halted at 10 % for ws-multi: ws-multi is worse than the limits") {
		t.Errorf("it ended with %d", code)
	}
	report := r.whole()
	if n := report.Refused["503"]; n > 0 {
		t.Errorf("%d clients heard of a refusal: HAProxy tries the other server", n)
	}
}

// A challenger that is slow is halted and taken back.
func TestChallengerThatIsSlow(t *testing.T) {
	t.Parallel()
	const clients = 100
	r := newRig(t, rigOptions{clients: clients, rate: 40, pace: 60, hold: 30 * time.Second, steps: []int{20},
		settings: [2]stage.Settings{nil, {"WS_FLUSH_INTERVAL": "1s"}}})
	p := r.start()
	halting := p.wait("it halts", of(rollout.Halting))
	if !strings.Contains(halting.Text, "ws-multi is worse than the limits: p99 ") || halting.Figures[rollout.P99] < 0.5 {
		t.Errorf("it halted with %+v", halting)
	}
	r.is(p.wait("it ends", at(rollout.Ended, 0)), clients)
	if code := p.code(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	r.whole()
}
