package change

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write adds a step that writes the file at path, from the top. before is what is there; nil: nothing, and folders on the way are
// made.
func (c *Change) Write(says, path string, before, text []byte) {
	full := filepath.Join(c.repo.Root, filepath.FromSlash(path))
	c.paths = append(c.paths, path)
	do := func() (func() error, error) {
		return func() error { return replace(full, before) }, replace(full, text)
	}
	if before == nil {
		do = func() (func() error, error) { return create(full, text) }
	}
	c.steps = append(c.steps, step{says, do})
}

// Link adds a step that turns a link at the top from one target to another, in one moment: whoever follows it meanwhile comes to
// the one or the other.
func (c *Change) Link(name, from, to string) {
	c.paths = append(c.paths, name)
	c.steps = append(c.steps, step{fmt.Sprintf("turn the link %s from %s to %s", name, from, to), func() (func() error, error) {
		return func() error { return link(c.repo.Root, name, from) }, link(c.repo.Root, name, to)
	}})
}

func link(root, name, to string) error {
	draft := filepath.Join(root, "."+name+".new")
	if err := os.Remove(draft); err != nil && !errors.Is(err, os.ErrNotExist) { // of a tool that was killed
		return err
	}
	if err := os.Symlink(to, draft); err != nil {
		return err
	}
	if err := os.Rename(draft, filepath.Join(root, name)); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return nil
}

// replace writes beside the file and renames, so that a reader sees the old one or the new one.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// create is replace where nothing is yet; its undo removes the folders, too, that it has made.
func create(path string, text []byte) (undo func() error, err error) {
	var made []string // innermost first
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		made = append(made, dir)
	}
	folders := func() error {
		var errs []error
		for _, dir := range made {
			if err := os.Remove(dir); !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	err = os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = replace(path, text)
	}
	if err != nil {
		return nil, errors.Join(err, folders())
	}
	return func() error { return errors.Join(os.Remove(path), folders()) }, nil
}
