package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Case proves one sentence of the protocol.
type Case struct {
	ID   string   // the clause and a letter: P3.4a
	Says string   // the sentence, as short as it can be told
	Run  func(*T) // returns when the sentence is seen kept; else it fails its T
}

// Clause is the clause that the case proves.
func (c Case) Clause() string { return strings.TrimRight(c.ID, "abcdefghijklmnopqrstuvwxyz") }

// Cases are all cases in the order of the protocol.
func Cases() []Case {
	return slices.Concat(
		recordCases, connectCases, commandCases, subscribeCases, messageCases, cursorCases, resumeCases, gapCases,
		livenessCases, closeCases, originCases, fleetCases,
	)
}

// Choose returns the cases of the parts (P3), clauses (P3.4) and cases (P3.4a) that are named, in their own order; all when
// none is. A name that chooses nothing is an error.
func Choose(all []Case, names ...string) ([]Case, error) {
	if len(names) == 0 {
		return all, nil
	}
	chosen := make([]bool, len(all))
	for _, name := range names {
		found := false
		for i, c := range all {
			part, _, _ := strings.Cut(c.ID, ".")
			if name == c.ID || name == c.Clause() || name == part {
				chosen[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no case is called %q, nor belongs to a clause or part of that name: name them like P3, P3.4 or P3.4a", name)
		}
	}
	var some []Case
	for i, c := range all {
		if chosen[i] {
			some = append(some, c)
		}
	}
	return some, nil
}
