// Package socket is everything between a TCP connection and the event loop.
//
// The life of a connection, in file names:
//
//   - listen.go   accepted, with the kernel's buffers bounded, at a paced rate
//   - halfopen.go who has not asked for the upgrade yet, and who makes room then
//   - upgrade.go  the handshake, by gorilla/websocket
//   - conn.go     a connection, whose writes belong to the loop from then on
//   - read.go     the one goroutine per connection: it waits for something to read
//   - arrive.go   what comes to a connection at which nobody reads
//   - reader.go   gorilla reads and parses; lent to connections that sent something
//   - frame.go    frames as the loop writes them
//   - send.go     a raw non-blocking send, half-close
//
// Who owns what: net/http's goroutine has the connection until the upgrade; the
// loop has it afterwards and alone writes to it and closes it. The reading
// goroutine (Conn.Serve) is started by the loop and ends when reading fails,
// which Close makes it do. What came is read by another one, for which Serve
// waits; it ends when there is no more. A goroutine that waits for room ends with
// the first room, or with Close.
package socket
