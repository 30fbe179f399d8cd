// Package shard is the parallel half of the server: shards that share nothing but
// the history, which they only read.
//
// # A shard
//
// A Shard is one goroutine with its own epoll set, connections, subscriptions,
// timer wheel and buffers. A connection belongs to one shard from its upgrade to
// its release; nothing of it is ever touched by another goroutine, so nothing of
// it is locked. An idle one is a descriptor and a small struct (conn.go): no
// goroutine, no buffer, no timer.
//
// # The way of a message
//
//	history.View -> offer.go   who wants each new entry: marked
//	             -> sweep.go   each marked connection served once: all it is due in
//	                           one buffer, one non-blocking send
//	             -> output.go  what the kernel took is counted
//
// The hand-over from the router is the View alone: the shard goes on from its own
// position up to the view's end. What the router publishes meanwhile waits for
// the next turn. A connection whose socket is full, or that resumes, is late
// (late.go): it holds no queue, only its position in the history, and goes on from
// there until it has come to the present. A resume is a second such stream beside
// it (replay.go).
//
// # The way of a command
//
//	epoll -> read.go -> socket.Frames -> command.go, subscribe.go, token.go
//
// all in one turn, answered in it. What must be asked elsewhere (a key server,
// Kafka) is asked on a goroutine of its own, and the answer comes by the inbox.
//
// # Turns
//
// turn.go is the whole schedule. A shard sleeps in the poller until a socket, the
// router or the inbox wakes it, or the next deadline. Time here is the shard's
// clock (clock.go), which stands still while the process was kept from running.
//
// # Ownership
//
// Fields of a Shard belong to the goroutine of run, but for those that say
// otherwise. Group (group.go) is what others talk to: it gives arrivals to the
// shard with the fewest, and drains, rebalances and sheds over all of them. Run
// waits for every goroutine that a shard has started.
package shard
