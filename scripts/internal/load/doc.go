// Package load is the clients' side of a measurement: tens of thousands of WebSocket connections that take what a server
// sends, check each message and note how late it was.
//
// # Two sides
//
// A [Fleet] belongs to the program that measures. It starts worker processes, tells them what to do in lines of JSON on
// their standard input, and adds up what they answer (fleet.go, call.go, process.go; the lines are in lines.go). [Serve] is the
// body of a worker (worker.go): one goroutine, one epoll set that holds every connection and the standard input, no
// goroutine and no buffer for a connection.
//
// # The way of a message
//
//	worker.go   the socket is ready: one recv(2), one look at the clock
//	take.go     frames, as many as the read brought; what is half a frame waits in the connection
//	frame.go    a frame's header
//	message.go  the payload: seq, channel, pos, and the publisher's n and sent
//	holding.go  the promises: nothing missing, nothing twice, nothing out of order
//
// On this way nothing is allocated, so the collector has nothing to do while something is measured. Whatever is not a
// data message in the usual layout is read with encoding/json (control.go).
//
// # The life of a connection
//
//	dial.go       queued, connecting, refused, tried again
//	handshake.go  the upgrade
//	dialect.go    what a client says in each dialect
//	control.go    welcome, acknowledged, replayed, closed
//	return.go     cut, and back with its cursor
//
// A connection is a number. The worker's tables say what it has: conn (conn.go), one holding a channel, and for the
// dialect that has positions one offset a partition. That is about 210 bytes and 16 a channel; the kernel's part is far more.
package load
