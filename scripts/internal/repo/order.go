package repo

import (
	"context"
	"fmt"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/checklist"
)

// InOrder adds to the list whether a commit can be made here of all that is in the work tree: nothing is changed, nothing is
// unfinished, and a branch is checked out that has all that its upstream has. With only, it has to be that branch.
func (r Repo) InOrder(ctx context.Context, list *checklist.List, only string) error {
	changed, err := r.Changes(ctx)
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		list.Fails("the work tree has changes that are in no commit: %s; commit them or take them away", Some(changed))
	} else {
		list.Holds("the work tree is as it is committed")
	}
	return r.OnBranch(ctx, list, only)
}

// OnBranch is InOrder without a look at the files.
func (r Repo) OnBranch(ctx context.Context, list *checklist.List, only string) error {
	going, err := r.Unfinished(ctx)
	if err != nil {
		return err
	}
	branch, err := r.Branch(ctx)
	if err != nil {
		return err
	}
	behind, upstream, err := r.Behind(ctx, branch)
	if err != nil {
		return err
	}
	switch {
	case going != "":
		list.Fails("%s", going)
	case branch == "":
		list.Fails("no branch is checked out: a commit made here would be on none; git switch BRANCH")
	case only != "" && branch != only:
		list.Fails("the branch is %s, and it is done on %s: git switch %s", branch, only, only)
	case behind > 0:
		list.Fails("%s lacks %s of %s: git pull --ff-only", branch, commits(behind), upstream)
	case upstream != "":
		list.Holds("the branch is %s, with all that %s had at the last fetch", branch, upstream)
	default:
		list.Holds("the branch is %s", branch)
	}
	return nil
}

func commits(n int) string {
	if n == 1 {
		return "a commit"
	}
	return fmt.Sprintf("%d commits", n)
}

// Some names the first few of many.
func Some(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
