// Package kafka reads every partition of every configured topic and hands
// what it reads over in batches, each record rendered as a message.
//
// # The way of a record
//
//	broker
//	  librdkafka      fetches ahead, into a queue bounded by bytes
//	  reader          one goroutine: events to items, until nothing is ready
//	  Batches         a channel of two; full, reading stops, then fetching
//	  the loop        takes a batch, and hands it back by Release
//
// No consumer group is joined and nothing is committed: every instance reads
// everything, from offsets it chose itself (assign.go, discover.go).
//
// # Who owns what
//
// [Consumer.Run] owns two goroutines and returns when both have ended. The
// reader (reader.go) owns the positions and the client that fetches. Discovery
// (discover.go) asks brokers for topics, partitions and offsets, on a client of
// its own (cluster.go); those questions block, and a dead broker must not hold
// up what was read already. Discovery talks to the reader by updates, the reader
// to discovery by checks, neither touches the other's state.
//
// # What can go wrong
//
// Whatever makes the fetching client useless, or its queue untrustworthy (a
// fatal error, a position outside the log, a topic made anew), ends the same
// way: positions are set right, the client is closed with all it had fetched,
// and another one goes on at the positions (reader.go, reopen). A position
// outside the log is a gap (gap.go).
package kafka
