// Package broker runs a real Apache Kafka for development and tests: one
// KRaft node (broker and controller in one process) from Maven's jars, no
// Docker.
//
// The jars are fetched once into the user's cache directory (see [Jars]); a
// node's properties, data and log live in a directory of its own, so any
// number of nodes run side by side on free ports.
//
// With [Options.Security] clients can also come by SASL/SCRAM and TLS, or by TLS
// with a certificate of their own. The [Authority] that vouches for both sides is
// made for the directory; tools that administrate use the plain listener.
//
// A [Broker] is used from one goroutine at a time. [Start] gives a node that
// belongs to the calling process and dies with it; [StartDetached] gives one
// that outlives it and is found again by its directory ([Find]).
package broker
