// Command floor is what a delivery costs at the least: a frame made once a
// record, one send(2) for each connection that holds its channel, and nothing
// else. A server cannot do with less unless it joins frames.
//
//	main.go       listeners, admin listener, end
//	loop.go       one goroutine, one epoll set, all descriptors
//	feed.go       records: they come over TCP, in Kafka's place
//	fanout.go     a record to its connections
//	conn.go       handshake, commands, pings of one connection
//	frame.go      WebSocket frames (RFC 6455, section 5)
//	handshake.go  the upgrade (RFC 6455, section 4.2)
//
// The loop owns everything; the admin listener reads counters. A full socket
// holds up everything until it takes its frame, and thereby whoever feeds, so
// nothing is lost; one that takes nothing for 10 s is closed.
//
// It leaves out what a server cannot: Kafka, pings of its own, timeouts,
// patterns, a send queue, several frames of one message.
package main
