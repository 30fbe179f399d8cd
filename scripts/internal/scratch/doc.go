// Package scratch makes repositories for tests of tools that commit and tag: real ones, made by git in a temporary folder, with
// an origin that they were cloned from.
//
// A Repo belongs to its test. Nothing runs when a function returns; the testing package removes the folders.
package scratch
