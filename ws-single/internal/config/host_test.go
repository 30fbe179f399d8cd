package config

import (
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThisHost(t *testing.T) {
	h := ThisHost(12000)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur != limit.Max || h.FileLimit < 1 || uint64(h.FileLimit) > limit.Max {
		t.Errorf("file limit %d of %d, hard limit %d", h.FileLimit, limit.Cur, limit.Max)
	}
	if h.MaxConnections != 12000 || h.MemoryLimit < 0 || len(h.Warnings) != 0 {
		t.Errorf("got %+v", h)
	}
}

// The fingerprint stands in WS_MEASURED_ON after an @.
func TestFingerprint(t *testing.T) {
	f := Fingerprint()
	if !regexp.MustCompile(`^[a-z0-9]+/\d+/[a-z0-9.-]+/[a-z0-9.-]+$`).MatchString(f) {
		t.Errorf("got %q", f)
	}
	if again := Fingerprint(); again != f {
		t.Errorf("%q, then %q", f, again)
	}
	c, err := ThisHost(1).Load(newFlagSet(), []string{"--measured-on=4us@" + f, "--memory-limit=off"}, nil)
	if err != nil || len(c.Warnings) != 0 {
		t.Errorf("measured on this host: %v, %v", c, err)
	}
}

func TestSlug(t *testing.T) {
	for s, want := range map[string]string{
		" Intel(R) Xeon(R) CPU @ 2.80GHz": "intel-r-xeon-r-cpu-2.80ghz", "AMD EPYC": "amd-epyc", "0xd0c": "0xd0c", "": "",
	} {
		if got := slug(s); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}
