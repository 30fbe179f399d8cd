package lock

import (
	"path/filepath"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Wait(path)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		unlock, err := Wait(path)
		if err == nil {
			unlock()
		}
		second <- err
	}()
	select {
	case err := <-second:
		t.Fatalf("two have the lock: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	unlock()
	if err := <-second; err != nil {
		t.Fatal(err)
	}
}

func TestWaitWithoutFolder(t *testing.T) {
	if _, err := Wait(filepath.Join(t.TempDir(), "none", "lock")); err == nil {
		t.Fatal("there is a lock in a folder that is not there")
	}
}
