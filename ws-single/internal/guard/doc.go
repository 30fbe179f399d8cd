// Package guard decides whether the server has room for one more client: a
// static, predictable resource guard. Every limit is a number the operator
// set; nothing is learned, so the same load is refused at the same point
// tomorrow.
//
// # The way of a handshake
//
//	Listener.Accept   paced: a storm waits in the kernel's backlog
//	Guard.Admit       the handler, before the upgrade: refused with a reason,
//	                  or a Slot that counts the connection
//	Slot.SetSubject   once the token is known: the connections of one subject
//	Slot.Release      whoever closes the connection
//
// A refusal costs about four fifths of an accepted handshake, so a storm is
// slowed down at Accept, where waiting costs nothing, and refused by rate only
// when that did not help (connections kept alive for many requests).
//
// # What is sampled
//
// [Guard.Run] is the package's only goroutine: once a second it reads the
// process's CPU time, memory and cgroup, and publishes a [Snapshot]. The caller
// starts it and stops it through its context. Everything else is called by
// whoever needs it, from any goroutine; nothing here blocks but Accept.
//
//   - CPU is a share of the cores the server may use, all threads counted
//     (librdkafka's and the collector's too), less what the handshakes cost, the
//     refused ones too ([Guard.AddHandshake]): they are bounded by pacing, and
//     refusing because of them would refuse the wrong ones. Smoothed over about
//     3 s; a state is entered at its threshold and left 10 points below.
//   - Memory is the resident set, of which Go's own part is known and the rest
//     is native (librdkafka), plus what the kernel holds for sockets. Refused
//     from 90% of the limit until below 85%; from 95% [Snapshot.ShedBytes] says
//     how much has to go to be back at 90%. From 75% it is looked at four times a
//     second.
//   - Throttling is the cgroup's own count, a metric only.
//
// # What a refused client reads
//
// [Refusal.Write] answers with the status, Retry-After in seconds (jittered, so
// that the refused do not come back together), Connection: close (the next
// attempt passes Accept and its pacing again), and
//
//	{"error":{"code":"connections","message":"…","temporary":true}}
//
// where code is the reason, the same word as in the label of
// ws_connections_rejected_total. All refusals before the upgrade are temporary
// to a client (protocol.md, section 2).
package guard
