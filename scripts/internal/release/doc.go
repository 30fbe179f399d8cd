// Package release gives a version to a variant, or to the kit: VERSION, a commit and a tag.
//
//	release.go     the conditions
//	changelog.go   what the changelog says of a version
//
// Tags are ws-single/v1.2.3, ws-multi/v0.2.0 and kit/v0.2.0: each part of the repository has versions of its own. A released
// version is never changed. Everything runs on the caller's goroutine, and nothing is kept.
package release
