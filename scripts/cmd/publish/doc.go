// Command publish writes records to Kafka at a steady rate: a believable market, or what a file of JSON lines holds.
//
// main hands everything to run, which returns the exit code: 0 when every record was acknowledged, 1 when one was not or
// the broker could not be used, 2 when the command line or the file is wrong. Standard output carries one JSON object, the
// summary; all else goes to standard error. The schedule, the producer and its goroutine are internal/produce's; run
// starts one goroutine of its own, which shows the progress, and waits for it.
package main
