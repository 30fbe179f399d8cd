package main

import (
	"context"
	"encoding/json"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

// showingVersion asks no setting, so that it answers whatever they are.
func showingVersion(p *cli) ([]config.Flag, action) {
	var asJSON bool
	own := []config.Flag{{Name: "json", Value: config.Switch(&asJSON), Doc: "as JSON, with the name of this host for WS_MEASURED_ON"}}
	return own, func(context.Context, *config.Config) error {
		if !asJSON {
			return p.build.WriteText(p.stdout)
		}
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			version.Info
			Host string `json:"host"`
		}{p.build, config.Fingerprint()})
	}
}
