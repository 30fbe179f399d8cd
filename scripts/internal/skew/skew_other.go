//go:build !amd64

package skew

import (
	"errors"
	"time"
)

// Supported says whether clocks can be set on this kind of machine.
const Supported = false

// Skew is a process with a clock of its own.
type Skew struct{}

// Take is known for amd64 only.
func Take(int) (*Skew, error) { return nil, errors.New("set a process's clock: only amd64 is known") }

// Set does nothing.
func (*Skew) Set(time.Duration) error { return nil }

// Close does nothing.
func (*Skew) Close() error { return nil }
