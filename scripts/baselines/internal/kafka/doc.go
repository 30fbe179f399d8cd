// Package kafka reads all partitions of some topics from the ends they have at
// the start, on one goroutine, with a consumer as anybody would write it: Assign,
// then Poll in a loop.
//
// What decides how soon a record is here is set as ws-single has it
// (ws-single/internal/kafka/properties.go), so that no baseline is slow for the
// sake of a default of librdkafka. Left out is what ws-single needs for promises
// that no baseline makes: ends of partitions, statistics, librdkafka's log.
package kafka
