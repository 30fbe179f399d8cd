// Package logging builds the logger that main hands to everything else; there
// is no global one. What it returns may be used by any goroutine.
package logging
