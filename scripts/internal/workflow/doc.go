// Package workflow holds the tests of .github: what can be known of it without GitHub.
//
//	workflow_test.go    the workflows, and the parts of them that tests look at
//	actionlint_test.go  actionlint finds nothing
//	safe_test.go        pinned actions, permissions, no text of strangers in a script
//	ci_test.go          the workflow that every change must pass: when it runs, what it decides, its last job
//	release_test.go     what a tag releases, and what is refused
//	community_test.go   CODEOWNERS, Dependabot, forms for issues
//
// Scripts of steps are run as GitHub runs them, in repositories made for it. What only GitHub can show (whether an action is
// what its hash says, whether a registry takes an image) is not tested.
package workflow
