// Package guard keeps the process inside what it was given: connections,
// handshakes, CPU and memory, over all shards together. Its limits are static:
// numbers that an operator wrote down, compared with what is counted or sampled,
// so the same load is refused at the same point every day.
//
// # Who calls what
//
//	accepting goroutine   the listener of [Guard.Listener]: waits for its turn
//	HTTP handler          [Guard.Admit], then [Slot.SetSubject] and [Guard.AddHandshake]
//	shard                 [Slot.Release], when the connection closes
//	sampler               [Guard.Run]: CPU, memory and cgroup, once a second; memory near its limit more often
//	anybody               [Guard.Snapshot], [Guard.Open]
//
// Run's is the package's only goroutine; its context ends it. Admit and Release
// wait for nobody: counts are atomics, and only a limit by address or subject,
// while it is on, takes a lock, one of 64 by the key. Only Accept blocks.
//
// # A storm
//
// To refuse a handshake costs four fifths of serving it, so a storm is held up
// where waiting is free: Accept is paced, and the rest of the storm stays in the
// kernel's backlog, in order. Requests that come on a connection kept alive pass
// no Accept; they are refused from twice the pace. Refusals close their
// connection, so those that come again pass Accept.
//
// # What is judged
//
//   - CPU time of all the process's threads, librdkafka's and the collector's
//     too, over the last 5 s, as a share of the cores given; the part of the
//     handshakes, served or refused, is taken off, since pacing bounds it already
//     and refusing by it would make a wave of reconnects lock out its own second
//     half. A state begins at its threshold and ends 10 points below.
//   - Memory: what Go holds, the rest of the resident set (native: librdkafka,
//     code), and the kernel's socket buffers. Refused from 90% of the limit until
//     below 85%. From 95% on [Snapshot.ShedBytes] says how much the clients
//     furthest behind have to give back.
//
// What cannot be read counts as nothing: a guard that cannot see refuses nobody.
//
// # What the refused read
//
// A status of 403, 429 or 503, Retry-After with jitter (else all come back
// together), Connection: close, and a body of
//
//	{"error":{"code":"addr_rate","message":"…","temporary":true}}
//
// whose code is the reason in ws_connections_rejected_total. To a client every
// refusal before the upgrade is temporary (protocol.md, 2).
package guard
