package fault

import (
	"slices"
	"strings"
)

// Fault is one row of the matrix.
type Fault struct {
	Name  string // broker-killed
	Did   string // what is done, in words
	Load  string // what the server has to do meanwhile
	Short bool   // it takes seconds, so it is part of the ordinary tests
	Alone bool   // there it is made alone: others beside it would starve its clients
	Run   func(*T)
}

// Faults are all faults, in the order of the report.
func Faults() []Fault {
	return slices.Concat(brokerFaults, linkFaults, logFaults, serverFaults, slowFaults, floodFaults, identityFaults, hostFaults, soakFaults)
}

// Like are the names that somebody who wrote this one may have meant: those that share the beginning or a word with it, at most
// four.
func Like(all []Fault, name string) (like []string) {
	words := strings.Split(name, "-")
	for _, f := range all {
		shares := strings.HasPrefix(f.Name, name) || slices.ContainsFunc(strings.Split(f.Name, "-"), func(w string) bool { return slices.Contains(words, w) })
		if shares && len(like) < 4 {
			like = append(like, f.Name)
		}
	}
	return like
}

// Choose returns the faults with these names, or whose name begins with one that ends in a dash; all without names.
func Choose(all []Fault, names ...string) (chosen []Fault, unknown []string) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		found := false
		for _, f := range all {
			if f.Name == name || strings.HasSuffix(name, "-") && strings.HasPrefix(f.Name, name) {
				chosen, found = append(chosen, f), true
			}
		}
		if !found {
			unknown = append(unknown, name)
		}
	}
	return chosen, unknown
}
