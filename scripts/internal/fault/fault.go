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
