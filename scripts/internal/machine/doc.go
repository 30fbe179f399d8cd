// Package machine reads what the kernel of this machine knows: CPU time of processes and cores, memory of processes and
// sockets; and it places processes on cores. It holds no state and runs no goroutine of its own but in [RunPinned],
// which waits for it. Linux only, as the servers are.
package machine
