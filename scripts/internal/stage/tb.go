package stage

import (
	"context"
	"time"
)

// TB is a test: a *testing.T, or whatever else fails in the same words. Fatal and its like do not return.
type TB interface {
	Helper()
	Cleanup(func())
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
	TempDir() string
}

// Patience bounds each single wait. It is long because machines that run tests are busy; nothing that works ever waits
// so long.
const Patience = 45 * time.Second

// Within is a context for one wait.
func Within(t TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Eventually waits until ok says so; what tells what was waited for.
func Eventually(t TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", Patience, what)
		}
	}
}
