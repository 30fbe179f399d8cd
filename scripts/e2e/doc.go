// Package e2e tests the servers from outside, as their operators and other
// people's clients meet them: the real binary, built with the race detector, as
// a process, on a real Kafka broker, spoken to over real sockets. Every test
// runs against every variant of the repository. That a server keeps each
// sentence of the protocol is not proved here but in internal/conformance; here
// is what no sentence tells of: settings and commands, the admin listener, the
// metrics, a broker that dies or wants proofs, neighbours, other clients.
//
//	main_test.go       what all tests share: broker, binaries
//	server_test.go     one server per variant for all; running a program to its end
//	*_test.go          the tests, one subject a file
//	load_full_test.go  a thousand connections for a minute (build tag full)
//	bench_test.go      latency and memory, as benchmarks
//
// Topics, servers and connections are internal/stage's. Most tests start a
// server of their own; those that do no harm and need no settings share one and
// keep apart by symbols of their own.
//
// KAFKA_TEST_BROKERS names a broker to use; without it the package starts one.
// Tests that harm a broker, or need a secured one, always start their own.
package e2e
