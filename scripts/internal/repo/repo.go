package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Repo is a repository's work tree.
type Repo struct {
	Root string // its top, an absolute path
}

// Open is the repository whose work tree has root as its top.
func Open(ctx context.Context, root string) (Repo, error) {
	r := Repo{Root: root}
	top, err := r.git(ctx, "", "rev-parse", "--show-toplevel")
	if err != nil {
		return Repo{}, fmt.Errorf("open repository: %w", err)
	}
	same, err := sameFolder(top, root)
	if err != nil {
		return Repo{}, fmt.Errorf("open repository: %w", err)
	}
	if !same {
		return Repo{}, fmt.Errorf("open repository: %s belongs to the one at %s: it takes a clone of this repository, as it is", root, top)
	}
	return r, nil
}

func sameFolder(a, b string) (bool, error) {
	of, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	than, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(of, than), nil
}

// Changes are the paths, from the top, that are not as they are committed, and those that git neither knows nor ignores. With
// paths, only those at or below them.
func (r Repo) Changes(ctx context.Context, paths ...string) ([]string, error) {
	args := append([]string{"status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--"}, paths...)
	out, err := r.git(ctx, "", args...)
	if err != nil {
		return nil, fmt.Errorf("look for changes: %w", err)
	}
	var changed []string
	for entry := range strings.SplitSeq(out, "\x00") {
		if len(entry) > 3 { // two letters and a space stand before the path
			changed = append(changed, entry[3:])
		}
	}
	return changed, nil
}

// unfinished are git's own marks of what is going on, and what each is of.
var unfinished = []struct{ mark, what, end string }{
	{"MERGE_HEAD", "a merge", "git merge --continue or --abort"},
	{"CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --continue or --abort"},
	{"REVERT_HEAD", "a revert", "git revert --continue or --abort"},
	{"rebase-merge", "a rebase", "git rebase --continue or --abort"},
	{"rebase-apply", "a rebase", "git rebase --continue or --abort"},
	{"BISECT_LOG", "a bisection", "git bisect reset"},
}

// Unfinished says what is going on in the work tree and how it is ended; "": nothing.
func (r Repo) Unfinished(ctx context.Context) (string, error) {
	args := []string{"rev-parse"}
	for _, u := range unfinished {
		args = append(args, "--git-path", u.mark)
	}
	out, err := r.git(ctx, "", args...)
	if err != nil {
		return "", fmt.Errorf("look for what is unfinished: %w", err)
	}
	paths := strings.Split(out, "\n")
	if len(paths) != len(unfinished) { // a line break in the name of a folder
		return "", fmt.Errorf("look for what is unfinished: git names %d places of %d: %q", len(paths), len(unfinished), out)
	}
	for i, u := range unfinished {
		path := paths[i]
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.Root, path)
		}
		if _, err := os.Stat(path); err == nil {
			return fmt.Sprintf("%s is not finished: %s", u.what, u.end), nil
		}
	}
	return "", nil
}

// Branch is the branch that is checked out; "": none is.
func (r Repo) Branch(ctx context.Context) (string, error) {
	name, err := r.git(ctx, "", "branch", "--show-current")
	if err != nil {
		return "", fmt.Errorf("find the branch: %w", err)
	}
	return name, nil
}

// Behind is how many commits the branch's upstream has that the branch has not, as the last fetch knew, and the upstream's name;
// "" where there is none.
func (r Repo) Behind(ctx context.Context, branch string) (int, string, error) {
	if branch == "" {
		return 0, "", nil
	}
	out, err := r.git(ctx, "", "for-each-ref", "--format=%(upstream:short) %(upstream:track)", "refs/heads/"+branch)
	if err != nil {
		return 0, "", fmt.Errorf("find the upstream: %w", err)
	}
	upstream, track, _ := strings.Cut(out, " ")
	if upstream == "" || strings.Contains(track, "gone") {
		return 0, "", nil
	}
	if out, err = r.git(ctx, "", "rev-list", "--count", "HEAD.."+upstream); err != nil {
		return 0, "", fmt.Errorf("compare with %s: %w", upstream, err)
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		return 0, "", fmt.Errorf("compare with %s: %w", upstream, err)
	}
	return n, upstream, nil
}

// Head is the hash of the commit that is checked out.
func (r Repo) Head(ctx context.Context) (string, error) {
	hash, err := r.git(ctx, "", "rev-parse", "--verify", "HEAD")
	if err != nil {
		return "", fmt.Errorf("find the commit: %w", err)
	}
	return hash, nil
}

// Tags are the names of all tags that begin with prefix, in no order that means anything.
func (r Repo) Tags(ctx context.Context, prefix string) ([]string, error) {
	out, err := r.git(ctx, "", "tag", "--list", prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return strings.Fields(out), nil
}

// Commit commits the files at paths as they are, new and removed ones too, and nothing else: what else is staged stays staged.
// On an error nothing is committed, and the paths are not staged.
func (r Repo) Commit(ctx context.Context, message string, paths ...string) error {
	_, err := r.git(ctx, "", append([]string{"add", "--all", "--"}, paths...)...)
	if err == nil {
		_, err = r.git(ctx, message, append([]string{"commit", "--quiet", "--file=-", "--only", "--"}, paths...)...)
	}
	if err != nil {
		_, unstage := r.git(context.WithoutCancel(ctx), "", append([]string{"reset", "--quiet", "HEAD", "--"}, paths...)...)
		return fmt.Errorf("commit: %w", errors.Join(err, unstage))
	}
	return nil
}

// Tag makes an annotated tag of the commit that is checked out.
func (r Repo) Tag(ctx context.Context, name, message string) error {
	if _, err := r.git(ctx, message, "tag", "--annotate", "--cleanup=verbatim", "--file=-", name); err != nil {
		return fmt.Errorf("tag %s: %w", name, err)
	}
	return nil
}

// TakeBack goes back to the commit before, which the last one was made of, and keeps files that neither has touched.
func (r Repo) TakeBack(ctx context.Context, before string) error {
	if _, err := r.git(ctx, "", "reset", "--quiet", "--keep", before); err != nil {
		return fmt.Errorf("go back to %.12s: %w", before, err)
	}
	return nil
}

// git runs git at the top and returns what it prints, without the newline at its end. Its messages are English whatever the
// user's language: they become part of errors.
func (r Repo) git(ctx context.Context, stdin string, args ...string) (string, error) {
	var out, says bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Root, strings.NewReader(stdin), &out, &says
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_LITERAL_PATHSPECS=1")
	if err := cmd.Run(); err != nil {
		if said := strings.TrimSpace(says.String() + out.String()); said != "" {
			return "", fmt.Errorf("git %s: %s", args[0], said)
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
