package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Of a program that fails by two of its steps, those are left, and as simple as they can be.
func TestShrink(t *testing.T) {
	p := Draw(7)
	p.Steps = append(p.Steps, Step{Who: "c1", Do: Stall}, Step{Who: "pub", Do: Publish, Event: "book", Kind: Odd, N: 93, Size: 700})
	p.Steps = append(p.Steps, Draw(8).Steps...)
	runs := 0
	fails := func(p Program) error {
		runs++
		stalled := false
		for _, s := range p.Steps {
			stalled = stalled || s.Do == Stall
			if stalled && s.Do == Publish && s.Event == "book" && s.N >= 10 {
				return fmt.Errorf("%d records after a stall", s.N)
			}
		}
		return nil
	}
	small, why := shrink(p, fails(p), time.Now().Add(time.Minute), fails)
	if len(small.Steps) != 2 || small.Steps[0].Do != Stall || small.Steps[1].N >= 20 || small.Steps[1].Size != 10 || small.Steps[1].Kind != Plain {
		t.Errorf("left after %d runs: %v", runs, small)
	}
	if why == nil || why.Error() != fails(small).Error() {
		t.Errorf("the reason is %v, that of the small one %v", why, fails(small))
	}
}

func TestShrinkEnds(t *testing.T) {
	p := Draw(7)
	runs := 0
	small, why := shrink(p, errors.New("first"), time.Now().Add(-time.Second), func(Program) error { runs++; return errors.New("again") })
	if runs != 0 || !reflect.DeepEqual(small, p) || why.Error() != "first" {
		t.Errorf("after its deadline it ran %d programs", runs)
	}
}

// What is drawn is a program, the same for the same seed, and can be written and read. It has everything in it, now and then.
func TestDraw(t *testing.T) {
	done := map[string]int{}
	for seed := range uint64(60) {
		p := Draw(seed)
		if err := p.valid(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p)
		}
		if again := Draw(seed); !reflect.DeepEqual(p, again) {
			t.Fatalf("seed %d gave two programs", seed)
		}
		path := filepath.Join(t.TempDir(), "program.json")
		if err := p.Write(path); err != nil {
			t.Fatal(err)
		}
		if again, err := Read(path); err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("seed %d: it was read as another program: %v", seed, err)
		}
		for _, s := range p.Steps {
			done[s.Do]++
			done[s.Kind]++
			if s.Cursor != "" {
				done["cursor "+s.Cursor]++
			}
			if s.Last > 0 {
				done["last"]++
			}
			if s.Commit {
				done["commit"]++
			}
		}
	}
	if reflect.DeepEqual(Draw(1), Draw(2)) {
		t.Error("two seeds gave one program")
	}
	for _, what := range []string{
		Connect, Resume, Cut, Subscribe, Unsubscribe, Heartbeat, Stall, GoOn, Publish, Transact, Trim, Pause, Meet,
		Plain, Odd, Raw, Tombstone, NoSymbol, Spread, "cursor free", "cursor all", "last", "commit",
	} {
		if done[what] == 0 {
			t.Errorf("%s: never drawn", what)
		}
	}
}

func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"steps":[{"who":"c0","do":"dance"}]}`:                                               "step 1, c0 dance: c0 cannot do that",
		`{"steps":[{"who":"c9","do":"cut"}]}`:                                                 `there is no actor "c9"`,
		`{"steps":[{"who":"c0","do":"cut","servr":1}]}`:                                       "unknown field",
		`{"steps":[{"who":"c0","do":"cut","server":2}]}`:                                      "server 2",
		`{"steps":[{"who":"c0","do":"subscribe","channels":["E.trade"]}]}`:                    `channel "E.trade"`,
		`{"steps":[{"who":"c0","do":"subscribe"}]}`:                                           "names no channel",
		`{"steps":[{"who":"pub","do":"publish","event":"trade","kind":"plain","n":1000000}]}`: "out of bounds",
		`{"steps":[{"who":"pub","do":"publish","event":"trades","kind":"plain"}]}`:            `event "trades"`,
		`{"steps":[{"who":"pub","do":"publish","event":"trade","kind":"nice"}]}`:              `kind "nice"`,
	} {
		path := filepath.Join(t.TempDir(), "program.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Exploring a server that loses a message finds it, and leaves a program of a few steps that can be run again.
func TestExploreFinds(t *testing.T) {
	var servers [2]Server
	for i, s := range suite.servers {
		l := newLiar(t, s.URL)
		l.lie = func(c *lied, b []byte) [][]byte {
			if isType(b, "message") {
				if c.messages++; c.messages == 2 {
					c.shift = -1
					return nil
				}
			}
			return [][]byte{c.shifted(b)}
		}
		servers[i] = Server{Name: s.Name + ", losing", URL: l.url()}
	}
	o := Options{
		Servers: servers, Brokers: suite.brokers, Topics: suite.topics, For: time.Minute, Shrink: 8 * time.Second, Dir: t.TempDir(),
		Log: func(line string) { t.Log(line) },
	}
	out, err := Explore(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	f := out.Failed
	if f == nil || !f.Alone || len(f.Program.Steps) > 30 {
		t.Fatalf("found %v in %v", f, out)
	}
	t.Logf("left: %s", f.Program)
	drawn, err := Read(f.Drawn)
	if err != nil || len(drawn.Steps) <= len(f.Program.Steps) {
		t.Errorf("it was drawn with %d steps: %v", len(drawn.Steps), err)
	}
	p, err := Read(f.File)
	if err != nil {
		t.Fatal(err)
	}
	o.Only, o.For = &p, 10*time.Second
	if out, err = Explore(context.Background(), o); err != nil || out.Failed == nil {
		t.Errorf("run again it did not fail: %v", err)
	}
	o.Servers, o.For = suite.servers, 0
	if out, err = Explore(context.Background(), o); err != nil || out.Failed != nil {
		t.Errorf("it fails with servers that lose nothing: %v, %v", out.Failed, err)
	}
}
