package promotion

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/treehash"
	"github.com/adred-codev/ws_poc/scripts/internal/version"
)

// Evidence says which files are looked at.
type Evidence struct {
	Parity string   // a report of scripts/parity; "": the newest of these trees in scripts/.cache/parity, or scripts/evidence/parity.json
	Bench  []string // results of scripts/bench; none: for each load the newest of these trees in scripts/.cache/bench
}

// Where the tools leave what they find, and where limits stand.
var (
	parityFolder = filepath.Join("scripts", ".cache", "parity")
	parityFile   = filepath.Join("scripts", "evidence", "parity.json")
	benchFolder  = filepath.Join("scripts", ".cache", "bench")
	limitsFile   = filepath.Join("deploy", "limits.yml")
)

// Promote looks whether a variant can take the place of the one in production. What takes minutes, its tests, is only done
// where all else holds.
func (d *Desk) Promote(ctx context.Context, variant string, e Evidence) (*change.Change, error) {
	s, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.has(variant); err != nil {
		return nil, err
	}
	limits, err := ReadLimits(filepath.Join(d.Root, limitsFile))
	if err != nil {
		return nil, err
	}
	c, err := change.New(ctx, s.repo, fmt.Sprintf("promote: %s is in production, %s stands by", variant, s.present), d.Watch)
	if err != nil {
		return nil, err
	}
	c.Whole = true
	if variant == s.present {
		c.List.Fails("%s is in production already: %s points at it", variant, Link)
		return c, nil
	}
	if err := s.repo.InOrder(ctx, &c.List, ""); err != nil {
		return nil, err
	}
	s.agree(c)
	s.status(c, variant)

	kept := &folder{}
	if err := d.evidence(ctx, c, s, variant, limits, e, kept); err != nil {
		return nil, err
	}
	tests := d.Tests
	if tests == nil {
		tests = change.Tests(variant)
	}
	if err := c.Passes(ctx, d.Output, tests...); err != nil {
		return nil, err
	}
	if !c.List.Met() {
		return c, nil
	}
	if err := d.keep(c, s, variant, kept); err != nil {
		return nil, err
	}
	return c, s.swap(c, variant)
}

// status adds whether the variant is so far.
func (s *standing) status(c *change.Change, variant string) {
	switch status := s.files[variant].Status; status {
	case version.Candidate, version.Standby:
		c.List.Holds("%s is %s", s.called(variant), status)
	case version.Production:
		c.List.Fails("the VERSION of %s says %s, and %s points at %s: somebody changed one of them by hand; set right what is wrong and commit it", variant, status, Link, s.present)
	default:
		c.List.Fails("%s is %s, neither %s nor %s: scripts/promote --candidate %s --yes says that it is to be measured", s.called(variant), status, version.Candidate, version.Standby, variant)
	}
}

// evidence adds the parity report and the comparisons, and keeps what was accepted.
func (d *Desk) evidence(ctx context.Context, c *change.Change, s *standing, variant string, limits Limits, e Evidence, kept *folder) error {
	p := pair{candidate: variant, production: s.present, trees: map[string]string{}}
	for _, name := range []string{variant, s.present} {
		tree, err := treehash.Of(ctx, d.Root, name)
		if errors.Is(err, treehash.ErrDirty) {
			c.List.Open("parity and bench: of which trees they are to be is not known while %s has changes", name)
			return nil
		}
		if err != nil {
			return err
		}
		p.trees[name] = tree
	}
	kept.pair = p
	if err := d.parity(c, p, limits, e, kept); err != nil {
		return err
	}
	for _, want := range limits.Comparisons {
		if err := d.comparison(c, p, want, limits, e, kept); err != nil {
			return err
		}
	}
	return nil
}

// comparison adds whether there is a good one for a load.
func (d *Desk) comparison(c *change.Change, p pair, want Comparison, limits Limits, e Evidence, kept *folder) error {
	path, res, err := d.findComparison(p, want, e)
	if err != nil {
		return err
	}
	measure := fmt.Sprintf("scripts/bench compare %s %s --scenario %s --at-most %s", p.candidate, p.production, want.Scenario, digits(limits.CPU))
	if s, err := scenario.Find(want.Scenario); err == nil && s.Connections < want.Connections { // it has fewer by itself
		measure += fmt.Sprintf(" --connections %d", want.Connections)
	}
	if res == nil {
		where := "in " + benchFolder
		if len(e.Bench) > 0 {
			where = "among the files given"
		}
		c.List.Fails("bench, %s: there is no result with %s beside %s %s: %s", want.Scenario, p.candidate, p.production, where, measure)
		return nil
	}
	o := p.judge(res, want, limits)
	if len(o.faults) > 0 {
		c.List.Fails("bench, %s, %s:\n%s\nmeasure again: %s", want.Scenario, filepath.Base(path), strings.Join(o.faults, "\n"), measure)
		return nil
	}
	c.List.Holds("bench, %s with %d clients, %s: %s", want.Scenario, res.Scenario.Connections, filepath.Base(path), strings.Join(o.figures, "; "))
	return kept.take("bench-"+want.Scenario+".json", path)
}

// findComparison is the newest result of a load that is of exactly these trees or, if there is none, the newest with both
// variants in it, of which can be said what is wrong. A file that was given is taken as it is.
func (d *Desk) findComparison(p pair, want Comparison, e Evidence) (string, *result.Result, error) {
	paths := slices.Clone(e.Bench)
	if len(paths) == 0 {
		var err error
		if paths, err = filepath.Glob(filepath.Join(d.Root, benchFolder, "*-"+want.Scenario+".json")); err != nil {
			return "", nil, fmt.Errorf("find results: %w", err)
		}
		slices.Sort(paths) // the names begin with the time
		slices.Reverse(paths)
	}
	var path string
	var found *result.Result
	for _, at := range paths {
		res, err := result.Read(at)
		if err != nil && len(e.Bench) > 0 {
			return "", nil, err
		}
		if err != nil || res.Scenario.Name != want.Scenario || !p.about(res) {
			continue // of an older bench, which could not say the trees, or of something else
		}
		if p.exactly(res) {
			return at, res, nil
		}
		if found == nil {
			path, found = at, res
		}
	}
	return path, found, nil
}
