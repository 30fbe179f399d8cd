// Package skew sets the wall clock of one process back or forth, as an operator or a bad time server does to a machine, and
// leaves the machine's alone.
//
// A Go program reads the clock by calling a function that the kernel maps into every process (vdso(7)), not by a system
// call, so neither a preloaded library nor a filter of system calls is in its way. Here that function is written over, through
// /proc/PID/mem, by one that asks the kernel and adds an offset, which [Skew.Set] changes at any time. Monotonic clocks stay
// as they are, as they do when a clock is set. So do timers of the kernel, and the C library's view: only calls from the program
// itself are answered with the offset, since a condition variable's deadline in librdkafka would otherwise be compared with
// another clock than it was made by, which no real machine does.
package skew
