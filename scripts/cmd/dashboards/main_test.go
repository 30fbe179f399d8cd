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
		"--help":               {0, "scripts/dashboards pictures --for 3m"},
		"pictures --help":      {0, "how many clients"},
		"check":                {0, "server.json is as it should be"},
		"":                     {2, "say check, write or pictures"},
		"draw":                 {2, `there is no "draw"`},
		"check x":              {2, `unexpected "x"`},
		"write --for 1m":       {2, "only pictures has options"},
		"pictures --for 1s":    {2, "--for must be at least 10s"},
		"pictures --members 1": {2, "--members 2"},
		"pictures --nope":      {2, "-nope; scripts/dashboards --help"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), strings.Fields(args), &out, &errs)
		if said := out.String() + errs.String(); code != want.code || !strings.Contains(said, want.says) {
			t.Errorf("%s: code %d, %s", args, code, said)
		}
	}
}
