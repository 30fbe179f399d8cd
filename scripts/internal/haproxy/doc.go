// Package haproxy talks to HAProxy's runtime API, and runs the real HAProxy for tests.
//
//	runtime.go  the API: what servers there are, what they carry, their weights
//	process.go  a HAProxy of the caller's own, with a configuration file and its variables
//
// A [Client] keeps no connection: after a reload the next command is answered by the new process. It has no goroutine. A
// [Process] owns HAProxy's master and its workers; one goroutine, locked to its thread, starts the master and waits for it,
// and ends when the master has. [Process.Stop] waits for that. The kernel kills the master when the program that started it
// dies, and workers end without a master.
package haproxy
