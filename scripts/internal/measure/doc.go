// Package measure runs scenarios: real servers, a real broker, and clients of which none waits for another.
//
// The way of a run, and its files: servers and baselines start on cores of their own (instance.go, cores.go), the clients
// connect (connect.go), the generator proves itself against the floor (proof.go); then lanes take turns in slices (deliver.go,
// slice.go), in some of which other clients resume (late.go), once the broker has warmed up (warm.go), or connections rest (idle.go), or are all cut at once (storm.go); a
// publisher keeps its schedule meanwhile (publish.go) and a bare consumer tells Kafka's share of the time (witness.go). At
// the end the samples are looked at for reasons not to judge (refuse.go), and judged (limits.go, about.go). capacity.go looks for
// the highest rate that holds, by trials (trial.go).
//
// Run's caller owns everything; processes die with it. A cancelled context ends a run after the slice at hand, and
// what was measured is kept.
package measure
