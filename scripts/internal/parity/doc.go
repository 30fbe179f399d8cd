// Package parity holds both variants to one Kafka log, side by side, and says whether they are alike: the same messages in the
// same order on every channel over the same offsets, nothing missing, double or reordered.
//
// What a client must have got is known from the log itself, which a consumer of this package reads: a record's partition and
// offset name its message, and its bytes follow from the record (kit/wire). So a difference is told of the variant that is wrong,
// and one that both have is found, too. Clients come in sets of patterns (watches): by event, by symbol, channel by channel and
// with patterns that overlap. For each watch one client is steady on each variant; others move: they are cut or leave, again and
// again, and go on with their cursor on the same variant or the other. Each must get each record once, in the order of its
// partition, over all its connections: of all its channels together, for a cursor that is kept by P6.5 covers no less. Digests are
// of single channels, so two records of different channels that change places are told as reordered and leave digests as they are.
//
//	run.go        the course of a comparison: ask, gather, publish, settle
//	load.go       the records, and what clients ask for
//	transact.go   records in transactions
//	log.go        Kafka's log, read
//	partition.go  what of a partition came to whom: messages held to the log
//	chain.go      digests of channels
//	body.go       a message by its bytes; channels by name
//	client.go     one connection
//	member.go     a client over all its connections
//	findings.go   differences and lateness, counted
//	verdict.go    the report is put together and judged
//	report.go     the report and its file
//	page.go       the report for people
//
// [Run] starts a goroutine that reads the log and one for each client, and each connection has a reader; it waits for all of them.
// A partition is where they meet: its mutex guards its records and each client's place in it, and a message that the log's reader
// has not come to waits there.
//
// Memory is bounded, however long it takes. Of messages only digests are kept, 32 bytes for each channel, partition and client,
// and of each partition the newest 32,768 to 65,536 records of 56 bytes; a message is held to these and forgotten. A client that
// is further behind has missed what is older.
//
// # The report
//
// [Report] is the file that scripts/promote reads; its fields and their meaning are those of the types in report.go. What makes it
// evidence:
//
//   - $schema is [Schema]; [Read] refuses any other, and a file whose passed does not fit what else it tells;
//   - passed is true only if no message was missing, double, reordered, changed, unknown or late, no promise of the protocol was
//     seen broken, all clients came to the end of the log, each has the log's digest on each of its channels, and each got something;
//   - variants[].name and .tree say of what: the tree hash of the variant's folder without VERSION (package treehash). An empty
//     tree is evidence of nothing;
//   - seconds, records, messages, load and clients say how much it is worth.
//
// Digests can be made again from the log: see chain.
package parity
