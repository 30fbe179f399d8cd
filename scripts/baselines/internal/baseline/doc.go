// Package baseline is what the baselines have in common with a server under
// test, so that one bench can start, watch and end either: the environment
// (settings.go), the end by a signal (main.go), the admin listener (admin.go).
//
// Nothing of it is on the way of a message. GOMAXPROCS is left alone; the soft
// limit of open files is raised to the hard one (less one) by Go's own os package,
// before main, and the backlog of a listener is the kernel's somaxconn, by its net
// package.
package baseline
