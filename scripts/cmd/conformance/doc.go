// Command conformance says whether servers keep what the protocol promises, sentence by sentence.
//
// It is the command line of internal/conformance, which has the cases and the report.
//
//	main.go      which command, and the exit code
//	options.go   the command line of a run
//	run.go       a run: broker, servers, report
//	progress.go  the line that moves meanwhile
//
// run goes through the servers one after the other; the goroutines are the suite's.
package main
