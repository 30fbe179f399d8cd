// Package stage is what a test from outside stands on: topics on a real broker, servers as processes, connections that
// fail their test. It knows the protocol (kit/PROTOCOL.md), the settings and the endpoints, and nothing of how a variant
// is made.
//
//	tb.go      what a test is to this package: a *testing.T, or a case of the conformance suite
//	scope.go   a test outside of go test
//	topics.go  topics of a test's own, and what an operator or time does to them
//	publish.go records for them
//	server.go  a server: a process of the test's own, or one that runs already
//	conn.go    one connection: its methods take what must come next, or fail the test
//
// All of it may be used from several goroutines, but a [Conn]'s methods take frames away from each other. Whatever a
// function starts ends with its test, by Cleanup.
package stage
