package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUsage(t *testing.T) {
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"--help":             {0, "scripts/faults broker-killed"},
		"--list":             {0, "broker-killed"},
		"broker- --list":     {0, "broker-killed"},
		"--nope":             {2, "-nope; scripts/faults --help"},
		"no-such-fault":      {2, "there is no fault no-such-fault; scripts/faults --list"},
		"broker-kiled":       {2, "did you mean broker-killed or broker-stopped?"},
		"slow":               {2, "slow-readers or slow-"},
		"--page x":           {2, "--page needs --record"},
		"--small --record x": {2, "full size"},
		"--list --page=x a":  {2, "--page needs --record"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), strings.Fields(args), &out, &errs)
		if said := out.String() + errs.String(); code != want.code || !strings.Contains(said, want.says) {
			t.Errorf("%s: code %d, %s", args, code, said)
		}
	}
}
