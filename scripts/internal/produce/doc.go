// Package produce publishes to Kafka on a schedule that nothing outside moves: an open loop. Record i is due at the
// start plus i/rate; when the broker or the local queue holds it up it goes out late, in a burst, and how late is
// reported. The intended time travels with the record, so a receiver measures what a user would have felt.
//
// Records are idempotent, acknowledged by all replicas and never held back to fill a batch.
//
// New starts one goroutine, which takes the acknowledgements until Close waits for its end; Run's caller keeps the
// schedule. Progress may be called by any goroutine.
package produce
