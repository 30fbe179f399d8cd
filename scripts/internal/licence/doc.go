// Package licence lists what is linked into a server, with its licences, and says
// whether all of them are among those that the project takes.
//
//	linked.go    the Go packages that a build links, and the licence files above each
//	native.go    the C code that comes with confluent-kafka-go, as an archive without sources
//	list.go      the list as a page, and what is wrong with it
//
// What is linked is asked of the Go command for Linux on amd64, so that the list is the
// same wherever it is made. Which licence a text is comes from google/licensecheck,
// which pkg.go.dev uses.
//
// Nothing here runs by itself or keeps anything; functions may be called from any
// goroutine.
package licence
