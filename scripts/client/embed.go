// Package client holds the reference client for the Go programs that serve it to a page.
package client

import _ "embed"

// Source is client.js, an ES module.
//
//go:embed client.js
var Source []byte
