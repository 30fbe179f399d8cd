package machine

import (
	"bufio"
	"bytes"
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
func ReadResidence(pid int) (r Residence, err error) {
	path := fmt.Sprintf("/proc/%d/smaps", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read memory: %w", err)
	}
	var inHeap bool // the mapping whose lines come
	var resident int64
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if from, _, isRange := strings.Cut(fields[0], "-"); isRange { // from-to permissions offset device inode path
			start, err := strconv.ParseUint(from, 16, 64)
			if err != nil {
				return r, fmt.Errorf("read memory in %s: %w", path, err)
			}
			inHeap = len(fields) == 5 && start >= goHeapFrom && start < goHeapTo()
			continue
		}
		if fields[0] != "Rss:" && fields[0] != "Anonymous:" {
			continue
		}
		if len(fields) != 3 || fields[2] != "kB" {
			return r, fmt.Errorf("read memory in %s: %q, want a number of kB", path, lines.Text())
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return r, fmt.Errorf("read memory in %s: %w", path, err)
		}
		n := kib << 10
		switch { // a mapping's Rss comes before its Anonymous
		case fields[0] == "Rss:":
			resident = n
		case inHeap:
			r.GoHeap += n
			r.File += resident - n
		default:
			r.Rest += n
			r.File += resident - n
		}
	}
	return r, nil
}
