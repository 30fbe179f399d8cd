package treehash

import (
	"bytes"
	"context"
	"crypto/sha1" // git's own name of a tree, not a guard against forgery
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"strings"
)

// ErrDirty is wrapped by Of when files are not as they are committed: what is built then is not what the hash names.
var ErrDirty = errors.New("there are changes that are not committed")

// version is the file at the top of a variant that promotions and releases write.
const version = "VERSION"

// Of returns the hash, in hexadecimal, of the folder dir in HEAD without the file VERSION at its top. root is the top of the
// repository's work tree; dir is relative to it, such as "ws-multi".
//
// A file in dir that is changed, removed, added or not ignored and unknown to git is refused with ErrDirty; the error names some.
// VERSION alone may differ, since the hash does not cover it, and so may everything outside dir. Safe for concurrent use.
func Of(ctx context.Context, root, dir string) (string, error) {
	name, err := At(ctx, root, "HEAD", dir)
	if err != nil {
		return "", err
	}
	if err := clean(ctx, root, dir); err != nil {
		return "", err
	}
	// The files are as they are committed, and that may be by another commit than the first look's.
	switch again, err := At(ctx, root, "HEAD", dir); {
	case err != nil:
		return "", err
	case again != name:
		return "", fmt.Errorf("hash tree of %s: another commit was checked out meanwhile: begin anew", dir)
	}
	return name, nil
}

// At is Of for a commit, whatever the files are now: for what was built elsewhere and tells its commit.
func At(ctx context.Context, root, commit, dir string) (string, error) {
	tree, err := git(ctx, root, "ls-tree", "-z", "--full-tree", commit+":./"+dir)
	if err != nil {
		return "", fmt.Errorf("read tree of %s: %w", dir, err)
	}
	name, err := without(tree, version)
	if err != nil {
		return "", fmt.Errorf("hash tree of %s: %w", dir, err)
	}
	return name, nil
}

// clean holds the files to the commit.
func clean(ctx context.Context, root, dir string) error {
	out, err := git(ctx, root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", dir)
	if err != nil {
		return fmt.Errorf("look for changes in %s: %w", dir, err)
	}
	var changed []string
	for entry := range strings.SplitSeq(string(out), "\x00") {
		// Two letters and a space stand before the path, which is told from the top.
		if len(entry) > 3 && entry[3:] != dir+"/"+version {
			changed = append(changed, entry[3:])
		}
	}
	if len(changed) == 0 {
		return nil
	}
	more := ""
	if len(changed) > 3 {
		more = fmt.Sprintf(" and %d more", len(changed)-3)
		changed = changed[:3]
	}
	return fmt.Errorf("%w in %s: %s%s; commit them or take them away", ErrDirty, dir, strings.Join(changed, ", "), more)
}

// without hashes the entries of a tree, as ls-tree -z tells them, less one. The bytes are those of git's tree object
// (Documentation/gitformat-pack, "tree"): mode without leading zeros, space, name, NUL, and the raw hash of each, in the
// order of the tree, which ls-tree keeps.
func without(tree []byte, name string) (string, error) {
	var object bytes.Buffer
	var sum hash.Hash
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(tree), "\x00"), "\x00") {
		about, path, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) != 3 {
			return "", fmt.Errorf("unexpected entry %q", entry)
		}
		raw, err := hex.DecodeString(fields[2])
		if err != nil {
			return "", fmt.Errorf("unexpected hash in %q: %w", entry, err)
		}
		if sum == nil {
			sum = hashOf(len(raw))
		}
		if path != name {
			fmt.Fprintf(&object, "%s %s\x00%s", strings.TrimLeft(fields[0], "0"), path, raw)
		}
	}
	fmt.Fprintf(sum, "tree %d\x00", object.Len())
	sum.Write(object.Bytes())
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// hashOf is the hash function of a repository, by the length of its names.
func hashOf(size int) hash.Hash {
	if size == sha256.Size {
		return sha256.New()
	}
	return sha1.New()
}

// git runs git in root and returns what it prints. Optional locks are left alone: a look must not get in the way of a commit.
func git(ctx context.Context, root string, args ...string) ([]byte, error) {
	var out, says bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &says
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(says.String()))
	}
	return out.Bytes(), nil
}
