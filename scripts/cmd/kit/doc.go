// Command kit copies kit/ into the variants, checks the copies, and releases the kit.
//
// Each variant builds from its own folder alone, so it holds a copy of kit in
// internal/kit, taken at a version. KIT_VERSION beside the copy says which, and
// has the SHA-256 of every file: what was edited by hand shows.
//
//	main.go      the sub-commands, their options, exit codes
//	vendor.go    kit vendor: write the copies
//	check.go     kit check: what is wrong with the copies
//	release.go   kit release: a version and its tag (internal/release)
//	content.go   which files of kit are copied, from the work tree or a tag
//	manifest.go  KIT_VERSION
//	variant.go   which folders are variants
//
// Everything runs on the one goroutine of main.
package main
