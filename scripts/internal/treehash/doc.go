// Package treehash names what a folder of the repository holds, for evidence that must say of what it is evidence.
//
// A commit is no such name: it moves with every change elsewhere, and the promotion itself makes one that writes VERSION.
// The name is the hash that git gives to the folder's tree when VERSION is taken out of it. Anyone can make it by hand:
//
//	git ls-tree HEAD:ws-multi | grep -v '\sVERSION$' | git mktree
//
// It is computed here rather than by mktree, which would write into the object store. The package starts no goroutine, keeps
// nothing and changes nothing in the repository.
package treehash
