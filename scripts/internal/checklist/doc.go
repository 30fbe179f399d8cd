// Package checklist is the conditions of something that is only done when all of them hold, each told in words.
//
// A List belongs to one goroutine.
package checklist
