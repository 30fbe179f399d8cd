// Package metrics shows Prometheus what the server's parts publish of
// themselves. It counts nothing and runs nothing: a scrape reads the newest
// snapshots of the shards, the router, the guard and the consumer, so it takes
// nothing from a delivery, waits for no shard, costs the same for ten connections
// as for a million, and still answers when a shard does not.
//
// Names, help, labels and buckets are those of kit/metric and no others. What a
// loop does is told for each shard: its busy share, turns, lag and connections.
// Everything else is the sum over the shards, as counted before the scrape: parts
// of one scrape can be a second apart.
package metrics
