// Command release gives a variant a version: VERSION, a commit and a tag (scripts/internal/release).
//
// Everything runs on the one goroutine of main.
package main
