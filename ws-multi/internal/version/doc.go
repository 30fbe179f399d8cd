// Package version is what the binary knows of itself: the variant's VERSION
// file, which the main package embeds, and what the Go build recorded. It keeps
// no state and starts nothing.
package version
