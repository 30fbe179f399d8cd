// Package schema holds the JSON Schemas (draft 2020-12) of what a client sends
// and of what a server sends.
//
// A schema cannot say all that PROTOCOL.md does: the parser of package wire
// also bounds symbols and ids in bytes rather than characters, wants integers
// without fraction and exponent, and refuses repeated keys and deep nesting.
package schema

import _ "embed"

// Client is the schema of a client's command.
//
//go:embed client.json
var Client []byte

// Server is the schema of a server's message. It describes exactly what this
// version sends; a client ignores fields that it does not know.
//
//go:embed server.json
var Server []byte
