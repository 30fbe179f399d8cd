package fault

import (
	"context"
	"time"
)

// timeout is a context for something that may not answer.
func timeout(t *T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context, d)
	t.Cleanup(cancel)
	return ctx
}
