package main

import (
	_ "embed"

	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

//go:embed VERSION
var versionFile []byte

// buildInfo is what this binary says it is. An error means that it was built
// with a VERSION that is none.
func buildInfo() (version.Info, error) { return version.Parse(versionFile) }
