package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what was found: of some servers, by the same cases.
type Report struct {
	Started time.Time `json:"started"`
	Commit  string    `json:"commit,omitempty"` // of the suite's repository; "" where there is none
	Dirty   bool      `json:"dirty,omitempty"`  // with changes that are in no commit
	Kafka   string    `json:"kafka,omitempty"`  // the broker's version, where it is known
	Command string    `json:"command"`          // what runs it again
	Race    bool      `json:"race,omitempty"`   // the servers had the race detector
	Cases   []Said    `json:"cases"`            // in the order of the results
	Servers []Ran     `json:"servers"`
	// Differences are what the servers did not have alike, in words.
	Differences []string `json:"differences,omitempty"`
}

// Said is a case as the report names it.
type Said struct {
	ID   string `json:"id"`
	Says string `json:"says"`
}

// Ran is what became of the cases on one server.
type Ran struct {
	Server  string          `json:"server"`
	Version json.RawMessage `json:"version,omitempty"` // its answer to /version
	Seconds float64         `json:"seconds"`
	Wrong   []string        `json:"wrong,omitempty"` // what went wrong with it besides cases
	Results []Result        `json:"results"`
}

// NewReport puts together what was run.
func NewReport(cases []Case, ran []Ran) *Report {
	r := &Report{Servers: ran, Differences: Differences(ran)}
	for _, c := range cases {
		r.Cases = append(r.Cases, Said{c.ID, c.Says})
	}
	return r
}

// Passed says that no case failed, nothing else went wrong, and the servers are alike. What could not be tried on a server that
// was there before is told, and is no failure.
func (r *Report) Passed() bool {
	for _, s := range r.Servers {
		if _, failed, _ := s.Count(); failed > 0 || len(s.Wrong) > 0 {
			return false
		}
	}
	return len(r.Differences) == 0
}

// Count says what became of how many cases.
func (s *Ran) Count() (passed, failed, notRun int) {
	for _, r := range s.Results {
		switch {
		case r.Failed():
			failed++
		case r.NotRun != "":
			notRun++
		default:
			passed++
		}
	}
	return passed, failed, notRun
}

// Of is the result of a case; ok is false when it was not chosen.
func (s *Ran) Of(id string) (r Result, ok bool) {
	i := slices.IndexFunc(s.Results, func(r Result) bool { return r.Case == id })
	if i < 0 {
		return r, false
	}
	return s.Results[i], true
}

// Differences compares the facts of cases that passed on both of two servers.
func Differences(ran []Ran) []string {
	var all []string
	for i := 1; i < len(ran); i++ {
		for _, first := range ran[0].Results {
			other, ok := ran[i].Of(first.Case)
			if ok && first.Passed && other.Passed && !slices.Equal(first.Facts, other.Facts) {
				all = append(all, fmt.Sprintf("%s: %s: %s; %s: %s", first.Case,
					ran[0].Server, factsTold(first.Facts), ran[i].Server, factsTold(other.Facts)))
			}
		}
	}
	return all
}

func factsTold(facts []Fact) string {
	if len(facts) == 0 {
		return "nothing seen"
	}
	var all []string
	for _, f := range facts {
		all = append(all, f.Name+" "+f.Value)
	}
	return strings.Join(all, ", ")
}
