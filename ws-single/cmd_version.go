package main

import (
	"context"
	"encoding/json"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

// runVersion asks for no settings: it must answer where they are wrong.
func runVersion(_ context.Context, in invocation) error {
	flags := newFlags()
	asJSON := flags.Bool("json", false, "")
	if err := config.ParseFlags(flags, in.args); err != nil {
		return err
	}
	if !*asJSON {
		return in.build.WriteText(in.stdout)
	}
	encoder := json.NewEncoder(in.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		version.Info
		Host string `json:"host"` // what WS_MEASURED_ON names it
	}{in.build, config.Fingerprint()})
}
