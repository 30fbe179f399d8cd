// Package kafka reads every partition of every configured topic and pushes what
// it reads into a [Sink].
//
// # The way of a record
//
//	broker
//	  librdkafka     fetches ahead on its own threads, into a queue bounded by bytes
//	  client.c       up to 256 events in one call from Go
//	  reader         the goroutine of Run: gaps, positions, symbols
//	  Sink           the router; called with librdkafka's own memory, nothing copied
//
// No consumer group is joined and nothing is committed: each instance reads
// everything, from offsets that it chose itself (position.go).
//
// # Who owns what
//
// [Consumer.Run] is the reading goroutine, and starts one more, discovery. It
// returns when both have ended.
//
// The reader (read.go, record.go, position.go, gap.go, remade.go) owns the client
// that fetches, the positions, and calls the sink, which may be as slow as it
// likes: then librdkafka's queue fills, and fetching stops.
//
// Discovery (discover.go, leader.go, directory.go) asks for topics, partitions, offsets and
// lags, and for a sign of life. Its questions block, so it has connections and a
// goroutine of its own, and while it asks for offsets one for each broker, which it
// waits for (leader.go). The two never wait for each other: each has a mailbox.
//
// # What can go wrong
//
//   - No broker answers. Discovery says so (Stats.Up) and librdkafka goes on trying.
//     Where a setting is to blame, the log says which (refused.go).
//   - A partition has no leader, or one that does not answer. It waits, and Loaded
//     with it if it was there at the start; no other does (leader.go).
//   - A fatal error of librdkafka's. The client is closed and another opened at the
//     same positions (read.go).
//   - A position is outside its log: retention was faster than we, or the end was cut
//     off. librdkafka stops that partition without saying where its log is now.
//     Discovery is asked, and asks until it has an answer (discover.go); what is lost
//     is told, and the partition is fetched again from where its log is; the others
//     never notice (gap.go).
//   - A topic is made anew. librdkafka goes on in the new log at the old offset
//     without a word. Only its log tells of the topic ID, so that is looked through
//     on the thread that writes it, and everything fetched is thrown away with the
//     client when an ID is not the one that discovery found (remade.go).
//
// # Why cgo
//
// confluent-kafka-go links librdkafka, makes no use of several things in it, and
// has its administration calls, which discovery uses. For reading this package
// calls librdkafka itself (client.c): its public functions only, declared in
// librdkafka.h, which a test compares with the real header. That gives a queue to
// sleep on, the log, and no allocation: in BenchmarkRead a record of one header
// costs none, and 14 of 530 bytes by confluent-kafka-go's Poll.
//
// # How the reader sleeps
//
// In Go's poller, on an eventfd to which librdkafka writes when a queue is no
// longer empty (sleep.go): nobody polls by a timer, and no thread sits in C. While
// more than two records a millisecond come it sleeps by the clock instead, a
// millisecond at a time: an alarm for each record is most of what the record costs
// then.
package kafka
