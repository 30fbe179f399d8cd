package promotion

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/parity"
)

// compare is the command that makes a report where it is found.
var compare = "scripts/parity --json " + filepath.Join(parityFolder, "report.json")

// parity adds whether there is a report that found the two trees alike.
func (d *Desk) parity(c *change.Change, p pair, limits Limits, e Evidence, kept *folder) error {
	path, report, err := d.findParity(p, e)
	if err != nil {
		return err
	}
	if report == nil {
		c.List.Fails("parity: there is no report of %s and %s, neither in %s nor as %s: %s", p.candidate, p.production, parityFolder, parityFile, compare)
		return nil
	}
	if faults := p.differ(report, limits.Parity); len(faults) > 0 {
		c.List.Fails("parity, %s:\n%s\ncompare again: %s", filepath.Base(path), strings.Join(faults, "\n"), compare)
		return nil
	}
	c.List.Holds("parity, %s: both gave the same messages in the same order on %d channels, %d records in %s s, with clients that moved %d times",
		filepath.Base(path), len(report.Channels), report.Records, digits(report.Load.Seconds), moves(report))
	return kept.take("parity.json", path)
}

// findParity is the newest report of exactly these trees or, if there is none, the newest of both variants. A file that was given
// is taken as it is.
func (d *Desk) findParity(p pair, e Evidence) (string, *parity.Report, error) {
	if e.Parity != "" {
		report, err := parity.Read(e.Parity)
		return e.Parity, report, err
	}
	paths, err := filepath.Glob(filepath.Join(d.Root, parityFolder, "*.json"))
	if err != nil {
		return "", nil, fmt.Errorf("find reports: %w", err)
	}
	var path string
	var found *parity.Report
	for _, at := range append(paths, filepath.Join(d.Root, parityFile)) {
		report, err := parity.Read(at)
		if err != nil || !p.both(report) {
			continue // of an older tool, or of something else
		}
		if found == nil || better(p.reported(report), p.reported(found), report, found) {
			path, found = at, report
		}
	}
	return path, found, nil
}

// better says whether a is rather looked at than b: for its trees, then for its time.
func better(exactlyA, exactlyB bool, a, b *parity.Report) bool {
	if exactlyA != exactlyB {
		return exactlyA
	}
	return a.Started.After(b.Started)
}

func (p pair) both(r *parity.Report) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(r.Variants, func(v parity.Variant) bool { return v.Name == name })
	}
	return has(p.candidate) && has(p.production)
}

// reported says whether a report is of the trees themselves.
func (p pair) reported(r *parity.Report) bool {
	return r.Tree(p.candidate) == p.trees[p.candidate] && r.Tree(p.production) == p.trees[p.production]
}

// differ is why a report does not say that these trees are alike.
func (p pair) differ(r *parity.Report, want Parity) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !p.both(r) {
		fault("it is of %s and %s", r.Variants[0].Name, r.Variants[1].Name)
		return faults
	}
	for _, v := range r.Variants {
		switch {
		case v.Tree == "" && v.NoTree != "":
			fault("it does not say which tree of %s it is of: %s", v.Name, v.NoTree)
		case v.Tree == "":
			fault("it does not say which tree of %s it is of", v.Name)
		case v.Tree != p.trees[v.Name]:
			fault("it is of another %s: of tree %.12s, and this is %.12s", v.Name, v.Tree, p.trees[v.Name])
		}
	}
	if !r.Passed {
		fault("they are not alike: %s", strings.Join(r.Why, "; "))
	}
	late := time.Duration(r.Limits.LateMS * float64(time.Millisecond))
	switch {
	case late == 0:
		fault("nothing was late in it (--late 0), and more than %v is to be", want.Late)
	case late > want.Late:
		fault("it took for late what came more than %v later, and more than %v is to be", late, want.Late)
	}
	if r.Load.Seconds < want.Seconds || r.Records < want.Records || moves(r) < want.Moves {
		fault("it compared %d records in %s s with %d moves of clients, and that is too little: %d records, %s s and %d moves are the least",
			r.Records, digits(r.Load.Seconds), moves(r), want.Records, digits(want.Seconds), want.Moves)
	}
	return faults
}

// moves is how often clients went from one variant to the other.
func moves(r *parity.Report) int {
	n := 0
	for _, c := range r.Clients {
		n += c.Travels.Moves
	}
	return n
}
