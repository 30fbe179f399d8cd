// Package repo is a work tree of git as tools that commit and tag see it: whether it is in order, and the few changes they make.
//
// Everything is done by the git command, so that hooks, signatures and identities are those of whoever runs the tool. No
// remote is asked: what is known of one is what the last fetch brought. It keeps no state and starts no goroutine.
package repo
