// Package history is the log of the recent records: in the order they were read,
// numbered 0, 1, 2, …, each encoded once. No connection has a queue of messages; it
// has a number, up to which it was served.
//
// # One writer, many readers
//
// A Log has one writer, the router's goroutine: every method of Log but View
// and Channels is for it alone. The shards read, and nothing they do can make
// the writer wait, nor the writer them. No goroutine is started here.
//
// The hand-over is one atomic store: Publish makes a View, which never changes,
// and stores the pointer to it; a shard loads the pointer once a turn. Whatever
// a View shows stays there and stays the same for as long as somebody holds it,
// whatever the writer appends and evicts meanwhile. Eviction is not an event
// that a reader could race with: it only means that the next View begins later,
// and the collector frees what no View shows any more. So hold a View for a
// turn, not for longer: it keeps its chunks.
//
// Why this is sound (https://go.dev/ref/mem): what the writer did before a
// Publish happens before everything that is done with the View loaded from it.
// The writer then goes on writing into the same blocks, chunks and arrays, but
// only behind the lengths that the View has: entries from End on, bytes behind
// the last body, numbers behind the last one. Memory that a View shows is never
// written again and never used again for something else.
//
// What is too much to copy for each View is reached in two other ways:
//
//   - The state of an event (its log's names, its partitions, its gaps) is copied when
//     it has changed: some hundred bytes for a batch. It has the numbers of each
//     partition's entries as a slice of the array the writer appends to.
//   - Channels are many, so their lists are not part of a View. A list is an
//     array with an atomic length behind an atomic pointer; when the array is
//     full, the writer makes another one without the numbers that were evicted.
//     A reader takes whatever array is there, then asks how far the log has
//     evicted by now. From there on the array is complete: evicted is stored
//     before an array without those numbers is, and read after it. What lies
//     before, and the View still shows, is looked for in the View's own entries.
//     This happens only when the View is older than an eviction, and it costs
//     what was evicted since.
//
// # Layout
//
//   - log.go      numbers, append and publish: the writer's side
//   - store.go    entries in blocks and bodies in chunks, without pointers, so
//     that the collector sees a few hundred objects and not millions
//   - evict.go    what is let go, and when
//   - list.go     ascending numbers, one writer and lock-free readers
//   - channels.go the names in use and their small numbers
//   - offsets.go  from numbers to Kafka's offsets: cursors
//   - resume.go   and back: what a cursor is worth, and where it enters
//   - gap.go      what the log itself has lost
//   - view.go     what readers see
//   - reader.go   the pull: many lists in one order
//
// Links are numbers, never pointers: a pointer to an older entry would keep
// everything behind it alive.
package history
