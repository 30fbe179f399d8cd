// Package e2e tests the servers from outside: the real binary, built with the
// race detector, as a process, on a real Kafka broker, spoken to over real
// sockets. It knows the protocol (kit/PROTOCOL.md), the settings and the
// endpoints, and nothing of how a variant is made; every test runs against
// every variant of the repository.
//
//	main_test.go       what all tests share: broker, binaries, one server per variant
//	server_test.go     starting a server of a test's own
//	kafka_test.go      topics and records for a test
//	client_test.go     a connection that fails its test
//	*_test.go          the tests, one subject a file
//	load_full_test.go  a thousand connections for a minute (build tag full)
//	bench_test.go      latency and memory, as benchmarks
//
// Most tests share one server per variant and keep apart by symbols of their
// own. A test that needs other settings, or does harm, starts its own.
//
// KAFKA_TEST_BROKERS names a broker to use; without it the package starts one.
// Tests that harm a broker always start their own.
package e2e
