// Command test runs every test of the repository, after setting up what they
// need, and ends with one line that counts the tests that ran.
//
//	main.go      the command line
//	setup.go     what must be installed, and installing it
//	parts.go     the parts of the run, one a kind of test
//	run.go       running parts beside each other, and the report
//	gotest.go    Go tests, counted from go test -json
//	fuzz.go      fuzz targets, each for a moment
//	node.go      tests on Node's runner
//	autobahn.go  the Autobahn cases, by kosoku
//	security.go  known vulnerabilities, by govulncheck, and licences
//	shared.go    what parts share: one Kafka broker, the servers' binaries
//
// A part runs on one goroutine; at most --jobs of them run at once, and run
// waits for all. Every program a part starts is in a process group of its own,
// which is killed when the run is interrupted.
//
// It imports nothing that needs cgo: it must run where gcc is missing, to say
// so. The broker is therefore held by scripts/kafka.
package main
