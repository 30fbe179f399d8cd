// Package program runs random programs of clients and publishers against two servers, and checks what each client got
// against a model that knows what it must have got (kit/PROTOCOL.md, P3 to P10). A program that fails is shrunk and written
// down, so that it can be run again.
//
//	program.go    a program: steps of clients and publishers, data in JSON
//	draw.go       random programs
//	shrink.go     a smaller program that fails too
//	explore.go    draw, run, check, shrink, until the time is over
//
//	world.go      the servers, the topics, and the log of what was written to them
//	run.go        run a program: its actors, each with its steps
//	client.go     an actor: a client, which keeps its cursor by the rules and comes back when it was closed
//	account.go    what the client knows of its place and of what it holds
//	socket.go     its connection, which can be slow, thin, or cut
//	publish.go    an actor: a publisher of records, transactions and deletions
//	transcript.go what happened: records, commands and frames, in order
//
//	check.go      the model: one client's life, frame by frame
//	message.go    what it knows of data messages, and of those that did not come
//	place.go      of cursors and counts
//	answers.go    of commands
//	story.go      what it tells of a fault
//	tally.go      what a transcript has of each thing
//
//	testdata      programs that once found a fault
//
// [Check] is pure: it has a transcript and nothing else, so it is tested by histories written by hand, and by servers that
// lie. Nothing of it is taken from the servers, not even the rule which channels a pattern matches.
//
// [Explore] owns all that it starts. [Run] starts a goroutine for each actor of each program, and each connection has one
// that reads; all have ended when it returns. A [World] may be used by one Run at a time; its programs run at once, each with
// symbols of its own, and see each other's records only by patterns with a *, of which the model knows, for they have one log.
package program
