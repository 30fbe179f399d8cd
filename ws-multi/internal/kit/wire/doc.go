// Package wire is the protocol between a server of this project and its
// WebSocket clients, as Go types: from a Kafka record to a message, the one
// strict parser of client commands, the server's messages, the cursor, error
// and close codes. PROTOCOL.md of the module kit says what they mean; its golden
// files hold both together.
//
// Where to look:
//
//	channel.go   symbols, events and channel patterns
//	topic.go     the list of Kafka topics and their events
//	cursor.go    positions in the logs, and how a log is named
//	record.go    a Kafka record as the body of a data message
//	command.go   a client's command, parsed
//	message.go   the server's messages, rendered
//	code.go      error codes, close codes, and when a client comes back
//	syntax.go    JSON's grammar; scan.go: walking JSON known to be valid
//	encode.go    writing JSON without reflection
//
// Nothing here starts a goroutine, keeps state or does I/O. All functions may
// be called by any goroutine; a value belongs to whoever made it.
//
// All times on the wire are Unix milliseconds, all sizes bytes.
package wire
