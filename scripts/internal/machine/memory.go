package machine

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// SlabsOfSockets are the kernel's caches that hold nothing but what sockets, and the descriptors on them, are made of.
// Directory entries are not among them, for most are of files: a socket has one of 192 bytes besides.
var SlabsOfSockets = []string{
	"TCP", "TCPv6", "MPTCP", "MPTCPv6", "tw_sock_TCP", "tw_sock_TCPv6", "request_sock_TCP", "request_sock_TCPv6",
	"sock_inode_cache", "skbuff_head_cache", "skbuff_fclone_cache", "skbuff_small_head", "tcp_bind_bucket", "tcp_bind2_bucket",
	"filp", "eventpoll_epi", "eventpoll_pwq",
}

// Sockets is the memory in bytes that the kernel holds for TCP: what is in its buffers, and what the sockets themselves
// take (see [SocketsMeaning]). It is the machine's, so only differences mean anything.
func Sockets() (int64, error) {
	buffers, err := tcpBuffers()
	if err != nil {
		return 0, err
	}
	if slabs, err := slabsOfSockets(); err == nil {
		return buffers + slabs, nil
	}
	all, err := meminfo("Slab")
	if err != nil {
		return 0, err
	}
	return buffers + all, nil
}

// SocketsMeaning says what [Sockets] counts here: whoever may not read /proc/slabinfo, which is root's, gets all slabs.
func SocketsMeaning() string {
	if _, err := slabsOfSockets(); err == nil {
		return "TCP buffers of /proc/net/sockstat and the sockets' caches of /proc/slabinfo"
	}
	return "TCP buffers of /proc/net/sockstat and all of Slab in /proc/meminfo (only root reads /proc/slabinfo), which other work on the machine moves too"
}

// tcpBuffers is what sockets' buffers hold. Its pages are counted in steps of a few, and late (tcp_mem in tcp(7)).
func tcpBuffers() (int64, error) {
	b, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, fmt.Errorf("read memory of sockets: %w", err)
	}
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		at := slices.IndexFunc(fields, func(f []byte) bool { return string(f) == "mem" })
		if len(fields) == 0 || string(fields[0]) != "TCP:" || at < 0 {
			continue
		}
		pages, err := integers(fields[at+1:], 1)
		if err != nil {
			return 0, fmt.Errorf("read memory of sockets: %w", err)
		}
		return pages[0] * int64(os.Getpagesize()), nil
	}
	return 0, fmt.Errorf("read memory of sockets: /proc/net/sockstat has no mem of TCP")
}

func slabsOfSockets() (int64, error) {
	b, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		return 0, fmt.Errorf("read slabs: %w", err)
	}
	return sumSlabs(b, SlabsOfSockets)
}

// sumSlabs reads lines of slabinfo(5): name, active and all objects, their size, objects and pages a slab,
// ": tunables" with three numbers, ": slabdata" with active and all slabs.
func sumSlabs(b []byte, names []string) (int64, error) {
	var pages int64
	found := false
	for line := range bytes.Lines(b) {
		fields := strings.Fields(string(line))
		if len(fields) < 15 || !slices.Contains(names, fields[0]) {
			continue
		}
		numbers, err := integers([][]byte{[]byte(fields[5]), []byte(fields[14])}, 2)
		if err != nil {
			return 0, fmt.Errorf("read slabs of %s: %w", fields[0], err)
		}
		pages += numbers[0] * numbers[1]
		found = true
	}
	if !found {
		return 0, fmt.Errorf("read slabs: none of %s is there", strings.Join(names, ", "))
	}
	return pages * int64(os.Getpagesize()), nil
}

// MemAvailable is the memory in bytes that programs may still take without swapping.
func MemAvailable() (int64, error) { return meminfo("MemAvailable") }

// meminfo is one line of /proc/meminfo, in bytes.
func meminfo(name string) (int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte(name+":"))
		if !ok {
			continue
		}
		kilobytes, err := integers(bytes.Fields(rest), 1)
		if err != nil {
			return 0, fmt.Errorf("read %s of memory: %w", name, err)
		}
		return kilobytes[0] << 10, nil
	}
	return 0, fmt.Errorf("read memory: /proc/meminfo has no %s", name)
}
