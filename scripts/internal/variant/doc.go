// Package variant builds and runs the repository's servers as what they are
// to an operator: a binary with an environment, two ports, signals, logs and
// an exit code. Tests, benchmarks and tools that need a real server use it.
//
// A [Server] owns its process. One goroutine, locked to its thread, starts
// the process and waits for it; it ends when the process has ended, and
// [Server.Kill] waits for that. The kernel kills the process when the program
// that started it dies, so nothing is left behind by an aborted run.
package variant
