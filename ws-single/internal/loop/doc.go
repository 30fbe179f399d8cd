// Package loop is the server's one goroutine that owns everything: the history,
// the subscriptions, the connections, the timers and the counters. Nothing on
// the way of a message is locked, because there is nobody to lock out.
//
// # The way of a message
//
//	kafka.Batch -> take.go     appended to the history, its subscribers marked
//	            -> sweep.go    each marked connection served once: all it is due
//	                           in one buffer, one non-blocking send
//	            -> output.go   frames rendered, and what the kernel took counted
//
// A connection whose socket is full, or that resumes, is not marked but pulled
// (pull.go): it holds no queue, only its position in the history, the rest of
// one frame, and a few control frames.
//
// # The way of a command
//
//	socket.Conn.Serve (its goroutine) -> input.go: parsed there, an event here
//	  -> command.go, subscribe.go, replay.go: done and answered in one turn
//
// # Turns
//
// A turn (turn.go) takes in what clients sent, then what Kafka brought, judges
// deadlines (deadline.go), serves a bounded number of connections and yields:
// the process has one Go thread, and an unbounded sweep kept other goroutines
// back for 14 ms. Time here is the loop's clock (clock.go), which stands still
// when the loop was kept from running: a late loop must not close healthy
// clients for being late itself.
//
// # Ownership
//
// All fields belong to the goroutine of Run unless their comment says otherwise.
// Other goroutines reach the loop through Open, Call and the sinks it gives to
// reading goroutines, all bounded channels, and read what it publishes: Snapshot.
// Run waits for every goroutine that the loop started.
package loop
