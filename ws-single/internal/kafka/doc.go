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
// everything, from offsets it chose itself (discover.go, begin).
//
// # Who owns what
//
// [Consumer.Run] owns two goroutines and returns when both have ended. The
// reader (reader.go, open.go, assign.go, gap.go) owns the positions and the
// client that fetches. Discovery (discover.go) asks brokers for topics,
// partitions and offsets, on a client of its own (cluster.go): those questions
// block, and must neither hold up what was read already nor wait behind a
// fetch. Discovery tells the reader by updates, the reader asks discovery by
// checks; neither touches the other's state.
//
// # What can go wrong
//
// Whatever makes the fetching client useless, or what it holds doubtful, ends
// the same way: positions are set right, the client is closed with all it had
// fetched, and another goes on at the positions (open.go, reopen).
//
//   - A fatal error of librdkafka.
//   - A position outside its log: retention was faster than we, or the log's end
//     was cut off. librdkafka says so without saying where; discovery is asked
//     for all bounds, and what is lost becomes a Gap (gap.go).
//   - A topic made anew. librdkafka goes on in the new log at the old offset
//     without a word, so its log is listened to for topic IDs (native.go): until
//     discovery has looked again nothing is read.
//
// A connection that a wrong password or certificate keeps from being made is tried
// again for ever; the log says which setting to look at (refusal.go).
//
// # How the reader sleeps
//
// In Go's own poller, on an eventfd that librdkafka writes to when its queue is
// no longer empty (wake.go, native.go); confluent-kafka-go has no function for
// that. Its blocking Poll sits in C with the only processor until the scheduler
// notices; Poll without waiting on a timer costs CPU while nothing happens.
// GOMAXPROCS=1, 1,000 records/s with linger.ms=0; broker, producer, this and some
// other work on two cores together, so the middle of three runs by turns:
//
//	                        woken    Poll(100 ms)  Poll(0), 1 ms sleep
//	Produce to batch, p50   0.86 ms  1.3 ms        1.8 ms
//	a neighbour's echo p99  1.1 ms   2.4 ms        1.6 ms
//	CPU while idle          0.2%     0.2%          8%
//
// and with the processor 30% busy besides, the neighbour's p99 is 5.5 ms woken
// and 19 ms in Poll. BenchmarkHandover measures these; it wants a quiet machine.
//
// While more than two records a millisecond come it sleeps by the clock instead, a
// millisecond at a time (moderate.go): at 10,000 records/s that nobody wants, the
// whole process took 22 us a record then, and a bare reader that is woken for each
// 27 (scripts/bench run unwanted).
package kafka
