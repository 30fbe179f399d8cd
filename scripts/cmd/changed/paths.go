package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// errNoBase: there is nothing to compare with.
var errNoBase = errors.New("nothing to compare with")

// changedPaths are the paths in the repository that differ from where the checked-out branch left base: as files are in the
// work tree, with those that git does not know yet. Of what was renamed both names are among them.
func changedPaths(ctx context.Context, root, base string) ([]string, error) {
	if strings.Trim(base, "0") == "" { // what GitHub calls the commit before a branch's first
		return nil, fmt.Errorf("%w: no commit is given", errNoBase)
	}
	if _, err := git(ctx, root, "rev-parse", "--verify", "--quiet", "--end-of-options", base+"^{commit}"); err != nil {
		return nil, fmt.Errorf("%w: %s is not known here", errNoBase, base)
	}
	left, err := git(ctx, root, "merge-base", base, "HEAD")
	if err != nil {
		return nil, fmt.Errorf("%w: %s and what is checked out have no commit in common here", errNoBase, base)
	}
	differ, err := git(ctx, root, "diff", "--name-only", "--no-renames", "-z", strings.TrimSpace(left), "--")
	if err != nil {
		return nil, fmt.Errorf("compare with %s: %w", base, err)
	}
	unknown, err := git(ctx, root, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, fmt.Errorf("look for new files: %w", err)
	}
	paths := strings.FieldsFunc(differ+unknown, func(r rune) bool { return r == 0 })
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(trouble.Bytes()))
	}
	return string(out), nil
}
