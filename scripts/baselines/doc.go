// Package baselines holds the tests of the baselines: servers that a server
// under test is measured beside. README.md says what each is and why it is a
// fair one.
//
//	cmd/floor            a send a connection and nothing else
//	cmd/gorilla-hub      the hub everybody writes first
//	cmd/centrifuge       the library a user would take instead
//	cmd/reader           a bare Kafka consumer
//	internal/baseline    their settings, their end, their admin listener
//	internal/kafka       reading topics from their ends
//
// Each is a program of its own, started and watched like a server under test.
package baselines
