// Command rollout moves clients between the variants by a plan, watches the challenger, and takes them back when it is worse
// than the limits (scripts/internal/rollout).
//
//	main.go     the command line
//	carry.go    what it leads to
package main
