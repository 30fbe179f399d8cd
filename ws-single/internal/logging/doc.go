// Package logging makes the program's one logger: readable on a terminal, JSON
// elsewhere. Loggers are handed down, never taken from a global; any goroutine
// may use one.
package logging
