package main

import (
	_ "embed" // of VERSION

	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

//go:embed VERSION
var versionFile []byte

// thisBuild is what this binary is. It fails only where VERSION was wrong when
// it was built.
func thisBuild() (version.Info, error) { return version.Parse(versionFile) }
