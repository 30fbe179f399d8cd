// Package conformance proves what the protocol (kit/PROTOCOL.md) promises, from outside. It knows an address, an admin
// address and a Kafka, and nothing of how a server is made; each case names the clause it proves.
//
//	case.go      a case: a sentence, and the code that sees whether it is kept
//	run.go       runs cases against a site, several at once
//	t.go         what a case is given: it fails, waits and cleans up as a test does
//	site.go      where servers come from: started for the purpose, or running already
//	clauses.go   the clauses of the document, and those that no case can see
//	report.go    what was found, clause by clause, server by server
//	p*.go        the cases, a part of the protocol a file
//
// A case runs on a goroutine of its own and fails for itself. Cases with the same settings share a server and keep
// apart by their symbols; what does harm starts its own.
package conformance
