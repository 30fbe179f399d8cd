package guard

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(clientEnv); job != "" {
		var addr string
		var n int
		_, err := fmt.Sscanf(job, "%s %d", &addr, &n)
		if err == nil {
			err = benchClient(addr, n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench client:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
