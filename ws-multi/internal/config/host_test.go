package config

import (
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThisHost(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	h := ThisHost(123)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur != files.Max || h.OpenFiles < 1 || uint64(h.OpenFiles) > files.Max {
		t.Errorf("%d files of %+v", h.OpenFiles, files)
	}
	if h.MaxConnections != 123 || h.Memory < 0 || h.Cores < 1 || h.CPUs != runtime.NumCPU() || h.Cores != runtime.GOMAXPROCS(0) || len(h.Warnings) > 0 {
		t.Errorf("got %+v", h)
	}
}

// A core given to Go is a shard by default; that it is one, a start warns of
// where it is none.
func TestShardsOfThisHost(t *testing.T) {
	there := runtime.NumCPU()
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, given := range []int{1, there, there + 3} {
		runtime.GOMAXPROCS(given)
		t.Setenv("GOMAXPROCS", strconv.Itoa(given)) // which goes before a quota
		c, err := Load(ThisHost(1), []string{"--memory-limit=off", "--measured-on=4us@" + Fingerprint()}, nil)
		if err != nil || c.Shards != given || c.Cores != min(given, there) {
			t.Errorf("GOMAXPROCS=%d of %d: %+v, %v", given, there, c, err)
			continue
		}
		if warned := len(c.Warnings) == 1 && strings.HasPrefix(c.Warnings[0], "GOMAXPROCS="+strconv.Itoa(given)+" makes "); warned != (given > there) {
			t.Errorf("GOMAXPROCS=%d of %d: %q", given, there, c.Warnings)
		}
	}
}

func TestFingerprint(t *testing.T) {
	name := Fingerprint()
	if !regexp.MustCompile(`^` + runtime.GOARCH + `/[1-9]\d*/\d+\.\d+/[a-z0-9.-]+$`).MatchString(name) {
		t.Errorf("got %q", name)
	}
	if other := Fingerprint(); other != name {
		t.Errorf("%q, then %q", name, other)
	}
}

func TestCountCPUs(t *testing.T) {
	for list, want := range map[string]int{
		"0": 1, "0-3": 4, "0-3,8": 5, "0,2,4-5": 4, "": 0, "a": 0, "3-1": 0, "0-3,": 0,
	} {
		if got := countCPUs(list); got != want {
			t.Errorf("%q: %d, want %d", list, got, want)
		}
	}
}

func TestDashed(t *testing.T) {
	for text, want := range map[string]string{
		" Intel(R) Xeon(R) CPU @ 2.80GHz": "intel-r-xeon-r-cpu-2.80ghz", "AMD EPYC": "amd-epyc", "0xd0c": "0xd0c", "": "", "--": "",
	} {
		if got := dashed(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
