// Package change is a change to the repository that a tool makes, or only says that it would: the conditions on which it is made,
// the files it writes, the commit and the tag.
//
//	change.go   what it is, and making it: all or nothing
//	write.go    writing files and links so that nobody sees half of one
//	passes.go   the condition that a command passes, such as tests
//	tell.go     saying it to people
//
// A Change belongs to one goroutine. A command is a process that has ended when Passes or Agrees returns.
package change
