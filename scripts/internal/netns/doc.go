// Package netns gives a process a network of its own, in which the kernel's packet filter may lose packets without harm to
// anybody else: a namespace with nothing but its loopback.
//
//	netns.go    start a process in one, and what that process does first
//	filter.go   lose packets of a port, some or all
//
// It starts no goroutine. It needs root, and iptables (Debian: apt-get install iptables).
package netns
