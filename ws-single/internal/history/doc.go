// Package history keeps the recent records in the order they were read,
// numbered, each encoded once. Everything else in the server is a position in
// it: a live connection is at the end, a slow one some way back, a resume is a
// pull from there.
//
// The layout follows from what reading costs:
//
//   - log.go      numbers, append and eviction: the one writer's side
//   - store.go    entries in blocks and bodies in chunks, without pointers, so
//     the collector sees a few hundred objects and not millions
//   - list.go     the numbers of one channel, or of one partition, ascending
//   - offsets.go  numbers to Kafka's offsets and back: cursors and resumes
//   - reader.go   the pull: a merge of lists, entered by binary search
//
// A Log and its Readers belong to the event loop's goroutine; nothing here
// locks, blocks or starts a goroutine.
package history
