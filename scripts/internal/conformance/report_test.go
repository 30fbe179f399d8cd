package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const madeUpProtocol = `# The protocol

| part | about |
|---|---|
| [P1](#p1-places) | places |

## P1 Places

**P1.1** A *place* is where a thing is | or was; the server tells it at once and to everybody who asked for it before noon
in one line.

**P1.2** The client remembers places.

**P1.3** Nobody has tried this one.

## P11 Error codes

| code | temporary | what it means |
|---|---|---|
| ` + "`NO_PLACE`" + ` | no | there is none |

## P12 Close codes

| code | meaning | reconnect |
|---|---|---|
| 4000 | the place is full | backoff |

**P12.1** *Backoff* has full jitter.
`

// madeUp are clauses and results of each kind.
func madeUp() (*Report, []Clause) {
	clauses := readClauses(madeUpProtocol)
	clauses[0].ProvedBy = []string{"P1.1a", "P1.1b", "P1.1c"}
	clauses[0].Partly = "what noon is: no clock is set"
	clauses[1].Unseen = "it binds the client"
	clauses[3].ProvedBy = []string{"P1.1b"}
	clauses[4].ProvedBy = []string{"P1.1a", "P1.1c"}
	clauses[5].Unseen = "it binds the client"
	cases := []Case{{ID: "P1.1a", Says: "a place is told at once"}, {ID: "P1.1b", Says: "to all | of *them*"}, {ID: "P1.1c", Says: "in one line"}}
	r := NewReport(cases, []Ran{{
		Server: "ws-single", Seconds: 12.3,
		Version: json.RawMessage(`{"name":"ws-single","version":"v1.2.3","commit":"0123456789abcdef0123456789abcdef01234567-dirty","go":"go1.26","platform":"linux/amd64"}`),
		Results: []Result{
			{Case: "P1.1a", Passed: true, Facts: []Fact{{"lines", "1"}}},
			{Case: "P1.1b", Passed: true},
			{Case: "P1.1c", NotRun: "it needs a server of its own"},
		},
	}, {
		Server: "ws-multi", Seconds: 14, Wrong: []string{"the shared server ended by itself"},
		Results: []Result{
			{Case: "P1.1a", Passed: true, Facts: []Fact{{"lines", "2"}}},
			{Case: "P1.1b", Why: []string{"got nothing,\nwant a place"}},
			{Case: "P1.1c", Passed: true},
		},
	}})
	r.Started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.Commit, r.Dirty, r.Kafka, r.Race = "fedcba9876543210fedcba9876543210fedcba98", true, "4.3.0", true
	r.Command = "scripts/conformance --race"
	return r, clauses
}

func TestPage(t *testing.T) {
	all, clauses := madeUp()
	good, _ := madeUp()
	good.Servers = good.Servers[:1]
	good.Servers[0].Results[2] = Result{Case: "P1.1c", Passed: true}
	good.Differences, good.Dirty, good.Race = nil, false, false
	for name, r := range map[string]*Report{"broken": all, "good": good} {
		t.Run(name, func(t *testing.T) {
			var page bytes.Buffer
			if err := r.Markdown(&page, clauses); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(want, page.Bytes()) {
				t.Errorf("differs from %s (%v); if it should, go test ./internal/conformance -run TestPage -update:\n%s", path, err, &page)
			}
			if r.Passed() != (name == "good") {
				t.Errorf("passed: %t", r.Passed())
			}
		})
	}
}

// What is compared is what both have seen, whatever order it was noted in.
func TestDifferences(t *testing.T) {
	ran := func(server string, results ...Result) Ran { return Ran{Server: server, Results: results} }
	fact := func(value string) []Fact { return []Fact{{"n", value}} }
	for _, c := range []struct {
		name string
		a, b Result
		want int
	}{
		{"alike", Result{Case: "P1.1a", Passed: true, Facts: fact("1")}, Result{Case: "P1.1a", Passed: true, Facts: fact("1")}, 0},
		{"another value", Result{Case: "P1.1a", Passed: true, Facts: fact("1")}, Result{Case: "P1.1a", Passed: true, Facts: fact("2")}, 1},
		{"none", Result{Case: "P1.1a", Passed: true, Facts: fact("1")}, Result{Case: "P1.1a", Passed: true}, 1},
		{"one failed, which is told already", Result{Case: "P1.1a", Passed: true, Facts: fact("1")}, Result{Case: "P1.1a", Why: []string{"x"}}, 0},
		{"one ran another case", Result{Case: "P1.1a", Passed: true, Facts: fact("1")}, Result{Case: "P1.1b", Passed: true}, 0},
	} {
		if got := Differences([]Ran{ran("a", c.a), ran("b", c.b)}); len(got) != c.want {
			t.Errorf("%s: %q, want %d", c.name, got, c.want)
		}
	}
}
