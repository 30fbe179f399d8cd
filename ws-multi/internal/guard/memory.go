package guard

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
)

// Marks of the memory limit, in percent.
const (
	memoryNear   = 75 // from here it is looked at more often
	memoryAccept = 85 // below: nobody is refused any more
	memoryReject = 90 // from here: refused, and what shedding goes back to
	memoryShed   = 95 // from here: clients furthest behind have to go
)

// judgeMemory says whether to refuse, and how many bytes have to be shed.
func judgeMemory(refusing bool, used, limit int64) (refuse bool, shed int64) {
	if limit == 0 {
		return false, 0
	}
	percent := float64(used) / float64(limit) * 100
	if percent >= memoryShed {
		shed = used - share(limit, memoryReject)
	}
	return percent >= memoryReject || refusing && percent >= memoryAccept, shed
}

// isNear says that a second may take the memory past its limit.
func isNear(used, limit int64) bool { return limit > 0 && used >= share(limit, memoryNear) }

// share is a percentage of n, without overflow.
func share(n, percent int64) int64 { return n/100*percent + n%100*percent/100 }

// nativeBase is librdkafka without its queues: code, threads, buffers.
const nativeBase = 32 << 20

// GoMemoryLimit is what Go may have (GOMEMLIMIT) where the process may have
// limit, and librdkafka holds up to queues bytes of records; 0 for no limit.
//
// Go's heap grows up to its limit with garbage before it is collected. So Go's
// limit is what is left of 85% after librdkafka and an eighth for the sockets'
// buffers: garbage alone must not make the guard refuse anybody. But it is at
// least half of the limit, where Go's live data needs the room more than a small
// limit leaves.
func GoMemoryLimit(limit, queues int64) int64 {
	return max(limit/2, share(limit, memoryAccept)-limit/8-nativeBase-queues)
}

// SetGoMemoryLimit sets GoMemoryLimit, unless GOMEMLIMIT says less already, and
// returns what holds in bytes; 0: no limit. To be called once, at the start.
func SetGoMemoryLimit(limit, queues int64) int64 {
	holds := debug.SetMemoryLimit(-1)
	if limit > 0 {
		if n := GoMemoryLimit(limit, queues); n < holds {
			debug.SetMemoryLimit(n)
			holds = n
		}
	}
	if holds == math.MaxInt64 {
		return 0
	}
	return holds
}

// runtimeMemory is what GOMEMLIMIT bounds: all that Go has from the system, less
// what it gave back (runtime/debug.SetMemoryLimit).
func runtimeMemory() int64 {
	s := [...]metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s[:])
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64())
}
