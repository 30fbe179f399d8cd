//go:build full

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/rollout"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Two thousand clients go through all steps, under load, with HAProxy reloaded in the middle of a move and the rollout killed in the
// middle of another, and back. Each share comes true and nothing is lost.
func TestFullRollout(t *testing.T) {
	const clients = 2000
	r := newRig(t, rigOptions{clients: clients, rate: 20, pace: 100, hold: 10 * time.Second, steps: []int{0, 10, 30, 50, 80, 100}})
	p := r.start()
	for _, share := range []int{0, 10, 30, 50, 80, 100} {
		switch share {
		case 50:
			p.wait("it moves to 50 %", at(rollout.Shedding, 50))
			if err := r.proxy.Reload(stage.Within(t)); err != nil {
				t.Fatal(err)
			}
			p.wait("it sees the reload", of(rollout.Reloaded))
		case 80:
			p.wait("it moves to 80 %", at(rollout.Shedding, 80))
			p.kill()
			time.Sleep(3 * time.Second)
			p = r.start("--resume")
		}
		r.is(p.wait("the share is reached", at(rollout.Reached, share)), clients)
		r.is(p.wait("the share is held", at(rollout.Held, share)), clients)
	}
	if code := p.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	drain := r.start("--drain", "ws-multi")
	r.is(drain.wait("ws-multi is empty", at(rollout.Reached, 0)), clients)
	if code := drain.code(); code != 0 {
		t.Errorf("the drain ended with %d", code)
	}
	report := r.whole()
	if moved := report.Closes[int(wire.CloseRebalance)]; moved < 2*clients || moved > 2*clients+clients/20 || moved != len(report.Ends) {
		t.Errorf("%d clients moved, of %d ends; want each twice: %v", moved, len(report.Ends), report)
	}
}

// A challenger that refuses most clients, with two thousand of them, goes back to the last share that it could carry.
func TestFullRefusals(t *testing.T) {
	const clients = 2000
	r := newRig(t, rigOptions{clients: clients, rate: 20, pace: 100, hold: 5 * time.Second, steps: []int{0, 10, 30},
		settings: [2]stage.Settings{nil, {"WS_MAX_CONNECTIONS": "400"}}})
	p := r.start()
	r.is(p.wait("10 % is reached", at(rollout.Reached, 10)), clients)
	if e := p.wait("it halts", of(rollout.Halting)); !strings.Contains(e.Text, "rejections") {
		t.Errorf("it halted with %+v", e)
	}
	r.is(p.wait("it ends", at(rollout.Ended, 10)), clients)
	if code := p.code(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	r.whole()
}

// A challenger whose process dies and is started again has restarted: it is taken back, and what its clients missed meanwhile they get
// from the other.
func TestFullRestart(t *testing.T) {
	const clients = 2000
	r := newRig(t, rigOptions{clients: clients, rate: 20, pace: 200, hold: 20 * time.Second, steps: []int{10, 30}})
	p := r.start()
	r.is(p.wait("30 % is reached", at(rollout.Reached, 30)), clients)
	multi := r.servers[1]
	multi.Process.MayEnd()
	if err := multi.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-multi.Process.Done()
	r.servers[1] = stage.Start(t, r.binaries[1], multi.Topics, stage.Settings{"WS_ADDR": multi.Addr, "WS_ADMIN_ADDR": multi.AdminAddr, "WS_ADMIN_TOKEN": token})
	if e := p.wait("it halts", of(rollout.Halting)); !strings.Contains(e.Text, "restarts 1") && !strings.Contains(e.Text, "has taken no clients") {
		t.Errorf("it halted with %+v", e)
	}
	p.wait("it ends", at(rollout.Ended, 10))
	if code := p.code(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	r.whole()
}

// A challenger that is gone for good is given up after ten seconds, and nobody is sent to it.
func TestFullDeath(t *testing.T) {
	const clients = 500
	r := newRig(t, rigOptions{clients: clients, rate: 20, pace: 200, hold: 3 * time.Second, last: time.Minute, steps: []int{0, 30}})
	p := r.start()
	r.is(p.wait("30 % is reached", at(rollout.Reached, 30)), clients)
	r.servers[1].Process.Kill()
	p.wait("it halts", of(rollout.Halting))
	p.wait("it ends", at(rollout.Ended, 0))
	if code := p.code(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	r.whole()
	if n := r.servers[0].Metric(t, "ws_connections"); n != clients {
		t.Errorf("ws-single has %v clients", n)
	}
}

// A challenger that closes clients which the incumbent would bear with is halted for it. What is between them takes a while to fill:
// HAProxy's buffers, and four sockets.
func TestFullSlowCloses(t *testing.T) {
	const clients = 40
	r := newRig(t, rigOptions{clients: clients, rate: 40, size: 30_000, pace: 50, hold: 3 * time.Second, last: 5 * time.Minute, steps: []int{0, 50},
		settings: [2]stage.Settings{nil, {"WS_STALL_TIMEOUT": "1s", "WS_MAX_BEHIND": "1s"}},
		crowd:    audience.Options{ReadBuffer: 4096}})
	p := r.start()
	r.is(p.wait("50 % is reached", at(rollout.Reached, 50)), clients)
	r.crowd.Stall(0, clients)
	e := p.waitFor("it halts", 5*time.Minute, of(rollout.Halting))
	if !strings.Contains(e.Text, "slow closes") {
		t.Errorf("it halted with %+v", e)
	}
	r.crowd.Unstall(0, clients)
	p.wait("it ends", at(rollout.Ended, 0))
	if code := p.code(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	r.whole()
}
