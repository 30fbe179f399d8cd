//go:build full

package fault

import "testing"

// Every fault at its full size, to servers as they are shipped, one at a time: some look at the CPU and at latencies.
func TestMatrix(t *testing.T) {
	for _, f := range Faults() {
		for _, to := range targets(t) {
			t.Run(f.Name+"/"+to.Variant, func(t *testing.T) { judge(t, Run(t.Context(), f, to, brokers, false)) })
		}
	}
}
