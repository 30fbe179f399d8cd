package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
)

// cores say who runs where; empty: anywhere.
type cores struct{ Server, Load []int }

const placedEnv = "BENCH_PLACED"

// place moves this program to the load's cores. Threads that run already would stay where they are, so it starts itself
// anew; everything it starts afterwards inherits the place, but for the servers, which are given theirs.
func place(anywhere bool) (cores, error) {
	if anywhere {
		return cores{}, nil
	}
	// The place restricts what is seen of the machine: who was placed is told how it was shared out.
	if placed := os.Getenv(placedEnv); placed != "" {
		var c cores
		if err := json.Unmarshal([]byte(placed), &c); err != nil {
			return c, fmt.Errorf("read %s: %w", placedEnv, err)
		}
		return c, nil
	}
	var c cores
	var err error
	if c.Server, c.Load, err = machine.Split(max(1, runtime.NumCPU()/2)); err != nil {
		return c, err
	}
	placed, err := json.Marshal(c)
	if err != nil {
		return c, fmt.Errorf("write %s: %w", placedEnv, err)
	}
	self, err := os.Executable()
	if err != nil {
		return c, fmt.Errorf("find this program: %w", err)
	}
	runtime.LockOSThread()
	if err := machine.Pin(0, c.Load); err != nil {
		return c, err
	}
	return c, fmt.Errorf("start on the load's cores: %w", syscall.Exec(self, os.Args, append(os.Environ(), placedEnv+"="+string(placed))))
}
