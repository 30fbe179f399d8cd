// Package router is the one writer of the history.
//
//	kafka.Consumer -> Router -> history.Log -> View -> every shard
//
// It is the Sink of the Kafka consumer, so it runs on the consumer's reading
// goroutine: a record is encoded straight into the history, and when all that was
// ready has been written the new end is published by one atomic store. That is the
// whole hand-over: no queue for each shard, no copy, no encoding twice. Each shard that sleeps
// is woken once for it.
//
// What no shard has dealt with is not forgotten. A shard that lags so bounds the
// router: when the history is full, or a shard too far behind, the router waits; the
// consumer's own bounded queue fills, and then it fetches no more. Nothing is dropped.
//
// When nothing comes from Kafka, [Router.Tend] forgets what has grown old. It and
// the sink exclude each other by a mutex that is free whenever the consumer
// sleeps, so it is never contended on the way of a message.
package router
