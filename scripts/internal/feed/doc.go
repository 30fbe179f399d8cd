// Package feed makes a believable market: symbols of Zipf popularity, prices on a random walk, and the eight events a
// trading site carries, in believable proportions.
//
// The same options give the same records, whatever the clock says. Every value is a JSON object with two fields
// for whoever receives it:
//
//   - n counts the records of one channel (symbol and event) 1, 2, 3 and on, so that a receiver can tell how many it missed;
//   - sent is the time the record was meant to be sent, in Unix microseconds, so that a publisher that falls behind
//     makes the latency look worse and never better.
//
// A Feed starts no goroutine. One goroutine calls Next; any may call Count and the accessors.
package feed
