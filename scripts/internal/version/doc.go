// Package version reads and writes what says which version of something the repository holds: the VERSION files of the
// variants, and the semantic versions that they, the kit and the tags have.
//
//	file.go     a variant's VERSION
//	number.go   a semantic version
//
// It keeps no state and starts no goroutine.
package version
