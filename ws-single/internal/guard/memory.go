package guard

import "runtime/debug"

// librdkafkaBase is what librdkafka takes besides its queues: code, threads'
// stacks, connection buffers.
const librdkafkaBase = 32 << 20

// GoMemoryLimit is how much of limit the Go runtime may have (GOMEMLIMIT):
// what is left after librdkafka, which gets its queues' bound
// (queued.max.messages.kbytes; queues is in bytes) and 32 MiB, and after an
// eighth of the limit for the kernel's socket buffers; but at least half of the
// limit. 0 when limit is 0.
func GoMemoryLimit(limit, queues int64) int64 {
	return max(limit/2, limit-limit/8-librdkafkaBase-queues)
}

// SetGoMemoryLimit applies GoMemoryLimit unless the limit is 0 or GOMEMLIMIT
// already set a smaller one, and returns the bytes in force; 0 for none. To be
// called once, at start.
func SetGoMemoryLimit(limit, queues int64) int64 {
	const none = 1<<63 - 1
	present := debug.SetMemoryLimit(-1)
	if want := GoMemoryLimit(limit, queues); want > 0 && want < present {
		debug.SetMemoryLimit(want)
		return want
	}
	if present == none {
		return 0
	}
	return present
}
