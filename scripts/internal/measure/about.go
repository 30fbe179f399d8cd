package measure

import (
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// about is a limit with the names of lanes that the run has: one for each server that it is about, none where that is not
// in the run. Of lanes of baselines it is itself.
func about(l scenario.Limit, servers []string) []scenario.Limit {
	var out []scenario.Limit
	for _, server := range bases(l.Of, l.Over+l.Less, servers) {
		one := l
		one.Of = named(l.Of, server)
		var there bool
		if one.Over, there = beside(l.Over, one.Of, server, servers); !there {
			continue
		}
		if one.Less, there = beside(l.Less, one.Of, server, servers); !there {
			continue
		}
		if aboutServers(l) && one.Of == one.Over+one.Less {
			continue // itself over itself
		}
		out = append(out, one)
	}
	return out
}

// bases are the servers of a run that a limit is to be judged for: those that its first operand names or, where that is a
// baseline, its second. "": it is about none, or names one that nobody knows.
func bases(of, other string, servers []string) []string {
	base, _, _ := strings.Cut(of, "/")
	if base != scenario.Server && !isCandidate(base) {
		if base, _, _ = strings.Cut(other, "/"); base != scenario.Server {
			return []string{""}
		}
	}
	if base == scenario.Server {
		return servers
	}
	return matching(base, servers)
}

// matching are the servers of that very name or, where there is none, of that variant.
func matching(base string, servers []string) []string {
	if slices.Contains(servers, base) {
		return []string{base}
	}
	var all []string
	for _, server := range servers {
		if scenario.VariantOf(server) == base {
			all = append(all, server)
		}
	}
	return all
}

func isCandidate(name string) bool {
	_, err := scenario.ParseCandidate(name)
	return err == nil
}

// beside is the lane that a server's is compared with, and whether the run has it. Where both can be one server's they are:
// servers that differ are compared only in the same lane.
func beside(lane, of, server string, servers []string) (string, bool) {
	base, _, _ := strings.Cut(lane, "/")
	switch {
	case base == scenario.Server:
		return named(lane, server), true
	case !isCandidate(base):
		return lane, true
	}
	others := matching(base, servers)
	if own := named(lane, server); slices.Contains(others, server) && own != of {
		return own, true
	}
	if len(others) == 0 {
		return "", false
	}
	return named(lane, others[0]), true
}

// aboutServers says whether a limit is to be judged for each server under test.
func aboutServers(l scenario.Limit) bool {
	for _, lane := range []string{l.Of, l.Over, l.Less} {
		base, _, _ := strings.Cut(lane, "/")
		if base == scenario.Server || isCandidate(base) {
			return true
		}
	}
	return false
}

// named puts a server's name in the place of the one that a limit gives.
func named(lane, server string) string {
	base, rest, with := strings.Cut(lane, "/")
	if server != "" && (base == scenario.Server || isCandidate(base)) {
		base = server
	}
	if with {
		return base + "/" + rest
	}
	return base
}
