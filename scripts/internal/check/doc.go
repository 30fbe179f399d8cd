// Package check speaks the clients' protocol (kit/PROTOCOL.md) as a suspicious
// client does: it keeps its cursor by the rules, keeps its own ledger beside
// the server's, and writes down every promise it sees broken.
//
//	frame.go    a server's frame, decoded
//	client.go   one connection: dial, command, answer, close
//	ledger.go   what the connection must have counted: seq, sent, replayed
//	stream.go   what a subscriber must have got, over all its connections
//
// A [Client] has one goroutine, its reader, which alone reads the connection
// and owns the ledger until the connection has ended; [Client.Close] ends it
// and waits. A [Stream] may be fed by several clients, one after the other or
// at once. A client costs one goroutine and a read buffer, so that a thousand
// fit into one process.
package check
