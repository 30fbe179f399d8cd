package measure

import (
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// coresOf are the cores that a server runs on: those of servers or, where it is to have more, the load's after them.
func (r *Rig) coresOf(c scenario.Candidate) ([]int, error) {
	if len(r.cfg.Server) == 0 || c.Cores == 0 {
		return r.cfg.Server, nil
	}
	all := slices.Concat(r.cfg.Server, r.cfg.Load)
	if c.Cores > len(all) {
		return nil, fmt.Errorf("it is to have %d cores, and there are %d: take fewer (cores=%d)", c.Cores, len(all), len(all))
	}
	return all[:c.Cores:c.Cores], nil
}

// shared are the cores of a server that the load has too.
func shared(server, load []int) []int {
	var both []int
	for _, core := range server {
		if slices.Contains(load, core) {
			both = append(both, core)
		}
	}
	return both
}
