// Package broker runs a real Apache Kafka for development and tests: one
// KRaft node (broker and controller in one process) from Maven's jars, no
// Docker.
//
// The jars are fetched once into the user's cache directory (see [Jars]); a
// node's properties, data and log live in a directory of its own, so any
// number of nodes run side by side on free ports.
//
// A [Broker] is used from one goroutine at a time. [Start] gives a node that
// belongs to the calling process and dies with it; [StartDetached] gives one
// that outlives it and is found again by its directory ([Find]).
package broker
