// Command conformance says whether servers keep what the protocol promises: sentence by sentence, or, by the command programs,
// whatever clients do.
//
// It is the command line of internal/conformance, which has the cases and the report, and of internal/program.
//
//	main.go      which command, and the exit code
//	options.go   the command line of a run
//	run.go       a run: broker, servers, report
//	progress.go  the line that moves meanwhile
//	programs.go  random programs: command line, broker, servers, what failed
//
// A run goes through the servers one after the other; the goroutines are those of the two packages.
package main
