// Package result is what a run of bench leaves behind: one JSON file with the raw samples and everything needed to judge
// them. result.go has its types, file.go writes and reads it, result.schema.json describes it to other programs; testdata
// has an example of each kind, with figures that were thought up.
package result
