// Package audience is a crowd of clients that behave as the protocol asks (kit/PROTOCOL.md, P6.5, P9.1, P12): each keeps
// its cursor, sends heartbeats, and when its connection ends comes back with the cursor to the next address, after the
// time it was told or with backoff. What each must have got is checked over all its connections, and each connection's
// ledger beside the server's.
//
//	crowd.go    the crowd: gather, wait until all have everything, report
//	member.go   one client, over its connections
//	feed.go     numbered records for it, at a steady rate
//	report.go   what became of it, in numbers
//
// Each member has one goroutine, and its connection's reader another. [Crowd.Close] ends them and waits. A thousand
// members cost about 30 MB; for tens of thousands, which need not come back by themselves, there is package load.
package audience
