package machine

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Residence is where a Go process's resident memory is, in bytes. The three together are its RSS.
type Residence struct {
	// File is of files, the program's own first of all, as they are there: the kernel drops and reads these pages as it likes.
	File int64
	// GoHeap is where Go's heap and stacks are: what is in use of them, as far as it was ever written, and what is kept for later.
	GoHeap int64
	// Rest is everything else: C's heap, threads' stacks, variables, the Go runtime's own tables.
	Rest int64
}

// Go puts its heap, whose beginning it draws, above all addresses of 32 bits and below these of 46 bits (47 elsewhere than on amd64;
// runtime/malloc.go, mallocinit). A program without position-independent code and C's first heap are below, all else that is
// mapped is above.
const goHeapFrom = 1 << 32

func goHeapTo() uint64 {
	if runtime.GOARCH == "amd64" {
		return 1 << 46
	}
	return 1 << 47
}

// ReadResidence reads it of a process of this user. With the race detector its shadow of the heap counts as heap.
func ReadResidence(pid int) (Residence, error) {
	path := fmt.Sprintf("/proc/%d/smaps", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return Residence{}, fmt.Errorf("read memory: %w", err)
	}
	r, err := residence(string(b))
	if err != nil {
		return Residence{}, fmt.Errorf("read memory in %s: %w", path, err)
	}
	return r, nil
}

// residence sums up smaps (proc_pid_smaps(5)): of each mapping a line "from-to permissions offset device inode path", and then
// others, Rss before Anonymous.
func residence(smaps string) (r Residence, err error) {
	var resident int64
	var part *int64 // where the mapping's anonymous memory belongs
	for line := range strings.Lines(smaps) {
		fields := strings.Fields(line)
		if from, _, isRange := strings.Cut(fields[0], "-"); isRange {
			start, err := strconv.ParseUint(from, 16, 64)
			if err != nil {
				return r, err
			}
			// Where the kernel can, the runtime names what it maps: [anon: Go: heap].
			ofNoFile := len(fields) == 5 || strings.HasPrefix(fields[5], "[anon:")
			part = &r.Rest
			if ofNoFile && start >= goHeapFrom && start < goHeapTo() {
				part = &r.GoHeap
			}
			continue
		}
		if fields[0] != "Rss:" && fields[0] != "Anonymous:" {
			continue
		}
		var kib int64
		if _, err := fmt.Sscanf(fields[1]+" "+fields[2], "%d kB", &kib); err != nil {
			return r, fmt.Errorf("%q: %w", line, err)
		}
		if fields[0] == "Rss:" {
			resident = kib << 10
			continue
		}
		*part += kib << 10
		r.File += resident - kib<<10
	}
	return r, nil
}
