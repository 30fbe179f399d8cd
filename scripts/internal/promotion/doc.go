// Package promotion turns the link ws from one variant to another: by evidence, or back without.
//
//	desk.go         what is in production, the conditions that all changes have in common
//	promote.go      the conditions of a promotion, in the order of what they take
//	rollback.go     going back, and becoming a candidate
//	parity.go       whether a parity report is of these trees, and found both alike
//	comparison.go   whether a result of bench is of these trees, and its figures are inside the limits
//	limits.go       the limits: deploy/limits.yml
//	evidence.go     what is kept in the repository beside it
//
// Evidence is of trees, not of commits (package treehash): commits move, and a promotion makes one itself.
//
// A Desk looks first and gives a Change (package change) that says what it would do and what keeps it from doing so; only its
// Make changes anything. Everything runs on the caller's goroutine; the tests of a promotion are a process, which ends before Promote
// returns.
package promotion
