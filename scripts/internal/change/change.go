package change

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/checklist"
	"github.com/adred-codev/ws_poc/scripts/internal/repo"
)

// Change is what was looked at and may be made.
type Change struct {
	List    checklist.List // the conditions
	Title   string         // what it is, in a line
	Message string         // of the commit
	Whole   bool           // all of the work tree must be as committed, not only what is written

	repo  repo.Repo
	head  string // the commit that was looked at
	steps []step
	paths []string // that are written, from the top

	tag, tagMessage string
}

// step is a part of a change. do gives what undoes it.
type step struct {
	says string
	do   func() (undo func() error, err error)
}

// New is a change of which nothing is known yet, on top of the commit that is checked out. watch is told each condition as it is
// known; it may be nil.
func New(ctx context.Context, r repo.Repo, title string, watch func(line string)) (*Change, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	c := &Change{Title: title, repo: r, head: head}
	c.List.Watch(watch)
	return c, nil
}

// Head is the hash of the commit that was looked at.
func (c *Change) Head() string { return c.head }

// Paths are the files that are written, from the top.
func (c *Change) Paths() []string { return slices.Clone(c.paths) }

// Tag has the commit tagged; without a file to write, the one that was looked at.
func (c *Change) Tag(name, message string) { c.tag, c.tagMessage = name, message }

// Tagged is the name of the tag; "": there will be none.
func (c *Change) Tagged() string { return c.tag }

// Steps say what Make does, a line each.
func (c *Change) Steps() []string {
	var all []string
	for _, s := range c.steps {
		all = append(all, s.says)
	}
	if len(c.steps) > 0 {
		all = append(all, "commit it: "+c.Title)
	}
	if c.tag != "" {
		all = append(all, "tag it: "+c.tag)
	}
	return all
}

// Make makes the change: all of it or, on an error, nothing. It is not made where a condition does not hold, or where the
// repository is not as it was when they were looked at. It takes no time to speak of, and is not ended by ctx half way.
func (c *Change) Make(ctx context.Context) error {
	if !c.List.Met() {
		return fmt.Errorf("%d of the conditions do not hold", c.List.Unmet())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := c.unchanged(ctx); err != nil {
		return err
	}
	if len(c.steps) > 0 {
		if err := c.commit(ctx); err != nil {
			return err
		}
	}
	if c.tag == "" {
		return nil
	}
	if err := c.repo.Tag(ctx, c.tag, c.tagMessage); err != nil {
		return takenBack(err, c.repo.TakeBack(ctx, c.head))
	}
	return nil
}

func (c *Change) commit(ctx context.Context) error {
	var undo []func() error
	err := func() error {
		for _, s := range c.steps {
			back, err := s.do()
			if err != nil {
				return fmt.Errorf("%s: %w", s.says, err)
			}
			undo = append(undo, back)
		}
		return c.repo.Commit(ctx, c.Message, c.paths...)
	}()
	if err == nil {
		return nil
	}
	var failed error
	for _, back := range slices.Backward(undo) {
		failed = errors.Join(failed, back())
	}
	return takenBack(err, failed)
}

func takenBack(err, failed error) error {
	if failed != nil {
		return fmt.Errorf("%w; and not all could be taken back, look at git status: %w", err, failed)
	}
	return fmt.Errorf("%w; all was taken back", err)
}

// unchanged holds the repository to what was looked at: tests take minutes, in which people work.
func (c *Change) unchanged(ctx context.Context) error {
	head, err := c.repo.Head(ctx)
	if err != nil {
		return err
	}
	var changed []string
	switch {
	case c.Whole:
		changed, err = c.repo.Changes(ctx)
	case len(c.paths) > 0:
		changed, err = c.repo.Changes(ctx, c.paths...)
	}
	if err != nil {
		return err
	}
	if head != c.head || len(changed) > 0 {
		return errors.New("the repository was changed while it was looked at: begin anew")
	}
	return nil
}
