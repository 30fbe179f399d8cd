package machine

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// What Go allocates is Go's heap, what is mapped otherwise is not, and together they are the RSS.
func TestResidence(t *testing.T) {
	const mib = 1 << 20
	read := func() Residence {
		r, err := ReadResidence(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	touch := func(b []byte) {
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
	}
	before := read()
	heap := make([]byte, 64*mib)
	touch(heap)
	mapped, err := unix.Mmap(-1, 0, 32*mib, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	touch(mapped)
	after := read()
	rss, err := RSS(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(heap)
	if err := unix.Munmap(mapped); err != nil {
		t.Fatal(err)
	}
	if grew := after.GoHeap - before.GoHeap; grew < 60*mib {
		t.Errorf("64 MiB of Go's heap show as %.1f MiB", float64(grew)/mib)
	}
	if grew := after.Rest - before.Rest; grew < 32*mib || grew > 36*mib {
		t.Errorf("32 MiB mapped show as %.1f MiB", float64(grew)/mib)
	}
	if after.File < 1*mib {
		t.Errorf("of the program %d bytes are resident", after.File)
	}
	if sum := after.File + after.GoHeap + after.Rest; sum < rss-8*mib || sum > rss+8*mib {
		t.Errorf("they are %.1f MiB, the RSS is %.1f MiB", float64(sum)/mib, float64(rss)/mib)
	}
}

func TestResidenceOfNobody(t *testing.T) {
	if _, err := ReadResidence(1 << 30); err == nil {
		t.Error("no error")
	}
}
