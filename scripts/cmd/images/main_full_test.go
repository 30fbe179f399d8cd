//go:build full

package main

import (
	"strings"
	"testing"
)

// All images are built on bases made here, and work.
func TestImages(t *testing.T) {
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"--bases", "debootstrap"}, &out, &errs); code != 0 {
		t.Fatalf("exit status %d: %s\n%s", code, errs.String(), out.String())
	}
	for _, want := range []string{"made here by debootstrap", "odin-publisher:latest, built in", "odin-ws-multi:", "odin-ws-single:", "health check", "read-only"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("its report lacks %q", want)
		}
	}
	t.Log(out.String())
}
