// Package socket is everything between a TCP connection and the event loop.
//
// The life of a connection, in file names:
//
//   - listen.go   accepted, with the kernel's buffers bounded, at a paced rate
//   - upgrade.go  the handshake, by gorilla/websocket
//   - conn.go     the net.Conn whose writes belong to the loop from then on
//   - read.go     the one goroutine per connection: gorilla reads and parses
//   - frame.go    frames as the loop writes them
//   - send.go     a raw non-blocking send, waiting for room, half-close
//
// Who owns what: net/http's goroutine has the connection until the upgrade; the
// loop has it afterwards and alone writes to it and closes it. The reading
// goroutine (Conn.Serve) is started by the loop and ends when reading fails,
// which Close makes it do. A goroutine that waits for room ends with the first
// room, or with Close.
package socket
