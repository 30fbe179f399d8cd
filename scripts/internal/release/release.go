package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/repo"
	"github.com/adred-codev/ws_poc/scripts/internal/version"
)

// ErrUsage is wrapped by errors about what was asked for: a name or a version that cannot be.
var ErrUsage = errors.New("wrong usage")

// Branch is the one that releases are made on.
const Branch = "main"

// kit is the module that has versions and is no variant.
const kit = "kit"

// Desk is where releases are made: a clone of the repository.
type Desk struct {
	Root   string            // its top, an absolute path
	Tests  []string          // a command, run at Root, that passes when the tests do; nil: scripts/test
	Copies []string          // a command, run at Root, that is scripts/kit; nil: that
	Output io.Writer         // gets what the tests print; nil: nobody
	Watch  func(line string) // told each condition as it is known; may be nil
}

// what a release is of.
type what struct {
	name   string         // as tags begin
	file   string         // with the version, from the top
	now    version.Number // in it
	text   []byte         // of it
	with   func(version.Number) ([]byte, error)
	tests  []string // parts of scripts/test
	copies []string // arguments of scripts/kit
}

// Variant looks whether a variant can be released in a version, such as 1.3.0.
func (d *Desk) Variant(ctx context.Context, name, number string) (*change.Change, error) {
	n, err := version.ParseNumber(number)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	file := name + "/VERSION"
	var known []string
	if paths, err := filepath.Glob(filepath.Join(d.Root, "ws-*", "VERSION")); err == nil { // the pattern is well formed
		for _, path := range paths {
			known = append(known, filepath.Base(filepath.Dir(path)))
		}
	}
	if !slices.Contains(known, name) {
		hint := ""
		if name == kit {
			hint = "; the kit is released by scripts/kit release"
		}
		return nil, fmt.Errorf("%w: there is no variant %q, there are %s%s", ErrUsage, name, strings.Join(known, ", "), hint)
	}
	f, text, err := version.Read(filepath.Join(d.Root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	return d.look(ctx, n, what{
		name: name, file: file, now: f.Version, text: text,
		with:  func(n version.Number) ([]byte, error) { return version.With(text, version.Version, n.String()) },
		tests: []string{name}, copies: []string{"check", "--in", name},
	})
}

// Kit looks whether the kit can be released in a version, such as 0.2.0. It has no release candidates.
func (d *Desk) Kit(ctx context.Context, number string) (*change.Change, error) {
	n, err := version.ParseNumber(number)
	if err == nil && n.Pre != "" {
		err = fmt.Errorf("%s is no version of the kit: write one such as 0.2.0", number)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	const file = kit + "/VERSION"
	text, err := os.ReadFile(filepath.Join(d.Root, filepath.FromSlash(file)))
	if err != nil {
		return nil, fmt.Errorf("read the kit's version: %w", err)
	}
	now, err := version.ParseNumber(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d.look(ctx, n, what{
		name: kit, file: file, now: now, text: text,
		with:  func(n version.Number) ([]byte, error) { return []byte(n.String() + "\n"), nil },
		tests: []string{kit}, copies: []string{"check"},
	})
}

// look goes through the conditions, those first that take no time.
func (d *Desk) look(ctx context.Context, n version.Number, w what) (*change.Change, error) {
	r, err := repo.Open(ctx, d.Root)
	if err != nil {
		return nil, err
	}
	title := w.name + " " + n.String()
	c, err := change.New(ctx, r, title, d.Watch)
	if err != nil {
		return nil, err
	}
	c.Whole, c.Message = true, title+"\n"
	if err := r.InOrder(ctx, &c.List, Branch); err != nil {
		return nil, err
	}
	if err := above(ctx, c, r, n, w); err != nil {
		return nil, err
	}
	said, err := section(c, d.Root, w.name+"/CHANGELOG.md", n)
	if err != nil {
		return nil, err
	}
	if err := d.copies(ctx, c, w); err != nil {
		return nil, err
	}
	tests := d.Tests
	if tests == nil {
		tests = change.Tests(w.tests...)
	}
	if err := c.Passes(ctx, d.Output, tests...); err != nil {
		return nil, err
	}
	if !c.List.Met() {
		return c, nil
	}
	c.Tag(w.name+"/"+n.String(), title+"\n\n"+said+"\n")
	if n == w.now {
		return c, nil // VERSION was raised with the change that asked for it
	}
	text, err := w.with(n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.file, err)
	}
	c.Write(fmt.Sprintf("write %s: version %s, it was %s", w.file, n, w.now), w.file, w.text, text)
	return c, nil
}

// above adds whether the version is above what VERSION says and what was released.
func above(ctx context.Context, c *change.Change, r repo.Repo, n version.Number, w what) error {
	switch order := n.Compare(w.now); {
	case order < 0:
		c.List.Fails("%s says %s already: a new version is above it", w.file, w.now)
	case order == 0:
		c.List.Holds("%s says %s", w.file, n)
	default:
		c.List.Holds("%s says %s, which is below", w.file, w.now)
	}
	tags, err := r.Tags(ctx, w.name+"/v")
	if err != nil {
		return err
	}
	var last version.Number
	for _, tag := range tags {
		t, err := version.ParseNumber(strings.TrimPrefix(tag, w.name+"/"))
		if err == nil && t.Compare(last) > 0 { // what is no version is no release
			last = t
		}
	}
	none := version.Number{}
	tag := w.name + "/" + n.String()
	switch {
	case slices.Contains(tags, tag):
		c.List.Fails("the tag %s exists: a version that is released is never changed, take one above %s", tag, last)
	case n.Compare(last) < 0:
		c.List.Fails("the last release is %s/%s: a new version is above it", w.name, last)
	case last == none:
		c.List.Holds("%s was never released", w.name)
	default:
		c.List.Holds("the last release is %s/%s, which is below", w.name, last)
	}
	return nil
}

// copies adds whether the copies of the kit are whole that a release has in it or is copied by.
func (d *Desk) copies(ctx context.Context, c *change.Change, w what) error {
	tool := d.Copies
	if tool == nil {
		tool = []string{filepath.Join("scripts", "kit")}
	}
	of := "the copy of the kit in " + w.name
	if w.name == kit {
		of = "the copies of the kit"
	}
	return c.Agrees(ctx, "scripts/kit finds nothing wrong with "+of, "scripts/kit finds something wrong with "+of, slices.Concat(tool, w.copies)...)
}

// Push says how a release that was made gets to others, with its commit or not at all.
func Push(c *change.Change) string {
	return fmt.Sprintf("Look at it (git show %[1]s), and push both: git push --atomic origin %[2]s %[1]s", c.Tagged(), Branch)
}
