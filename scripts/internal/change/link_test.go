package change

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Whoever follows a link while it is turned, such as a build, comes to the one or the other: it is never gone.
func TestLinkIsNeverGone(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "now")
	if err := os.Symlink("a", name); err != nil {
		t.Fatal(err)
	}
	over, seen := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-over:
				return
			default:
			}
			if to, err := os.Readlink(name); err != nil || to != "a" && to != "b" {
				seen <- fmt.Errorf("it points at %q, %w", to, err)
				return
			}
		}
	}()
	for n := range 1000 {
		if err := link(root, "now", []string{"b", "a"}[n%2]); err != nil {
			t.Error(err)
			break
		}
	}
	close(over)
	if err := <-seen; err != nil {
		t.Error(err)
	}
}
