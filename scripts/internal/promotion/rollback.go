package promotion

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/version"
)

// Rollback looks whether the link can go back to the variant on standby. No evidence is asked for, no test is run, and files
// that the change does not write may be as they like: it must go in a second, whatever somebody is at work on.
func (d *Desk) Rollback(ctx context.Context) (*change.Change, error) {
	s, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	var standby []string
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if name != s.present && s.files[name].Status == version.Standby {
			standby = append(standby, name)
		}
	}
	c, err := change.New(ctx, s.repo, "promote: back to the variant on standby", d.Watch)
	if err != nil {
		return nil, err
	}
	s.agree(c)
	switch len(standby) {
	case 1:
		c.List.Holds("on standby is %s", s.called(standby[0]))
		c.Title = fmt.Sprintf("promote: back to %s, %s stands by", standby[0], s.present)
		if err := s.swap(c, standby[0]); err != nil {
			return nil, err
		}
	case 0:
		c.List.Fails("no VERSION says %s: there is nothing to go back to", version.Standby)
	default:
		c.List.Fails("%s are both on %s: say in VERSION which one it is", strings.Join(standby, " and "), version.Standby)
	}
	c.Message = fmt.Sprintf("%s\n\nWithout evidence, as a rollback is.\n", c.Title)
	return c, s.finish(ctx, c)
}

// Candidate looks whether a variant can be made a candidate.
func (d *Desk) Candidate(ctx context.Context, variant string) (*change.Change, error) {
	s, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.has(variant); err != nil {
		return nil, err
	}
	c, err := change.New(ctx, s.repo, fmt.Sprintf("promote: %s is a candidate", variant), d.Watch)
	if err != nil {
		return nil, err
	}
	switch status := s.files[variant].Status; {
	case variant == s.present:
		c.List.Fails("%s is in production: there is nothing that it could be a candidate for", variant)
	case status == version.Candidate || status == version.Standby:
		c.List.Fails("%s is %s already: scripts/promote %s promotes it", variant, status, variant)
	case status == version.Production:
		c.List.Fails("the VERSION of %s says %s, and %s points at %s: somebody changed one of them by hand; set right what is wrong and commit it", variant, status, Link, s.present)
	default:
		c.List.Holds("%s is %s", s.called(variant), status)
		if err := s.become(c, variant, version.Candidate); err != nil {
			return nil, err
		}
	}
	c.Message = c.Title + "\n\nIt is to be measured against the variant in production: scripts/parity, scripts/bench compare.\n"
	return c, s.finish(ctx, c)
}

// finish adds the conditions of a change that writes few files: these are as they are committed, and a commit can be made.
func (s *standing) finish(ctx context.Context, c *change.Change) error {
	if len(c.Paths()) > 0 { // else there is nothing to look at
		changed, err := s.repo.Changes(ctx, c.Paths()...)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			c.List.Fails("%s is changed and in no commit: commit it or take the change back", strings.Join(changed, ", "))
		}
	}
	return s.repo.OnBranch(ctx, &c.List, "")
}

// swap adds the steps that put a variant in the place of the present one.
func (s *standing) swap(c *change.Change, to string) error {
	if err := s.become(c, to, version.Production); err != nil {
		return err
	}
	if err := s.become(c, s.present, version.Standby); err != nil {
		return err
	}
	c.Link(Link, s.present, to)
	return nil
}

// become adds the step that writes a variant's status.
func (s *standing) become(c *change.Change, variant, status string) error {
	path := versionOf(variant)
	text, err := version.With(s.texts[variant], version.Status, status)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.Write(fmt.Sprintf("write %s: status %s, it was %s", path, status, s.files[variant].Status), path, s.texts[variant], text)
	return nil
}
