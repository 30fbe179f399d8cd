// Package scenario reads the loads that bench runs, one a file of scripts/scenarios, and says what follows from one: who
// subscribes to what ([Plan]), and which channel each record is for ([Sequence]).
//
// The publisher's side and each process of the load generator make their own plan of the same scenario; nothing is sent
// between them, so a plan depends on nothing else.
//
//	scenario.go  what is in a file
//	candidate.go servers with settings of their own
//	load.go      reading one; fields.go has the places of mistakes, check.go and limit.go what is allowed
//	plan.go      subscriptions; popularity.go is Zipf's law
//	sequence.go  records
//	short.go     the same small, for tests
package scenario
