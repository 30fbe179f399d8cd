// Command changed says which tests a change needs, by the paths that it touches. The workflow of the repository asks it what
// to run, and so can whoever makes the change.
//
//	main.go     the command line
//	paths.go    the paths, from git
//	rules.go    what a path asks for
//	decide.go   what all paths ask for together
//	parts.go    the parts there are, from scripts/test
//	tell.go     the answer, for people and for the workflow
//
// Where it is in doubt it asks for more: a path without a rule for everything, and a part that no rule names runs with nearly
// every change. Everything runs on the main goroutine; programs that it starts have ended when it goes on.
//
// It imports nothing that needs cgo: it runs before there is a C compiler.
package main
