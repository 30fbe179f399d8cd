package loop

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
)

// What waits for the loop is bounded in bytes, too: large commands wait with the goroutine that has read them.
func TestLargeCommandsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(nil, Options{})
		l.conns = make([]*conn, 1)
		s := &sink{loop: l}
		size := 64 << 10
		text := fmt.Appendf(nil, `{"type":"subscribe","pad":"%s"}`, bytes.Repeat([]byte("x"), size))
		text = text[:size-2]
		text = append(text, `"}`...)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 2 * heldRoom / size {
				s.Text(text)
			}
		}()
		synctest.Wait()
		if got, want := len(l.inputs), heldRoom/size; got != want {
			t.Errorf("%d commands of %d bytes wait, want %d", got, size, want)
		}
		s.Text([]byte(`{"type":"heartbeat"}`)) // a small one goes past
		for range 3 {
			in := <-l.inputs
			l.handle(&in)
		}
		synctest.Wait()
		if got, want := len(l.inputs), heldRoom/size+1; got != want {
			t.Errorf("%d wait after three were done, want %d", got, want)
		}
		l.end()
		<-sent
	})
}
