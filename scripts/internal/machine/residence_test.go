package machine

import (
	"os"
	"runtime"
	"strings"
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

// Most kernels tell the names that the Go runtime gives; some do not, and then the address alone says what it is.
func TestResidenceByName(t *testing.T) {
	const text = `00400000-00ebc000 r-xp 00004000 fe:00 4711 /usr/local/bin/ws-single
Size:              10976 kB
Rss:                8392 kB
Anonymous:             4 kB
VmFlags: rd ex mr mw me
053f0000-05411000 rw-p 00000000 00:00 0 [heap]
Rss:                   8 kB
Anonymous:             8 kB
2c96dcc00000-2c96dd400000 rw-p 00000000 00:00 0 HEAP
Rss:                4852 kB
Anonymous:          4852 kB
7f7cac058000-7f7cac198000 rw-p 00000000 00:00 0 OTHER
Rss:                1144 kB
Anonymous:          1144 kB
`
	want := Residence{File: 8388 << 10, GoHeap: 4852 << 10, Rest: (4 + 8 + 1144) << 10}
	for _, names := range [][2]string{{"", ""}, {"[anon: Go: heap]", "[anon: Go: page summary]"}} {
		got, err := residence(strings.NewReplacer("HEAP", names[0], "OTHER", names[1]).Replace(text))
		if err != nil || got != want {
			t.Errorf("with names %q: %+v, %v, want %+v", names, got, err, want)
		}
	}
	if _, err := residence("00400000-00ebc000 r-xp 0 0 0\nRss: many kB\n"); err == nil {
		t.Error("what is no number is taken for one")
	}
}
