package socket

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A lost wake-up would hang: each of the producers waits until its work is seen, and
// with one of them nobody else wakes the owner.
func TestPollerWakeStress(t *testing.T) {
	for _, producers := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(producers), func(t *testing.T) {
			p := newTestPoller(t)
			const rounds = 3000
			type box struct {
				full atomic.Bool
				seen chan struct{}
			}
			boxes := make([]box, producers)
			var all sync.WaitGroup
			var stop atomic.Bool
			within(t, 60*time.Second, "the owner", func() {
				for i := range boxes {
					boxes[i].seen = make(chan struct{}, 1)
					all.Go(func() {
						random := rand.New(rand.NewPCG(uint64(i), 0))
						for range rounds {
							for range random.IntN(200) {
								runtime.Gosched()
								if random.IntN(20) == 0 {
									break
								}
							}
							boxes[i].full.Store(true)
							p.Wake()
							<-boxes[i].seen
						}
					})
				}
				go func() {
					all.Wait()
					stop.Store(true)
					p.Wake()
				}()
				events := make([]Event, 4)
				for !stop.Load() {
					for i := range boxes {
						if boxes[i].full.CompareAndSwap(true, false) {
							boxes[i].seen <- struct{}{}
						}
					}
					p.Poll(events)
					if err := p.Sleep(time.Time{}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		})
	}
}

// Edges of sockets are not lost either, beside wake-ups and deadlines: each byte is
// sent when the one before has been answered, and the owner reads only what it is
// told of.
func TestPollerEdgeStress(t *testing.T) {
	p := newTestPoller(t)
	const conns, rounds = 8, 2000
	var clients, wakers sync.WaitGroup
	ours := make([]FD, conns)
	var stop atomic.Bool
	within(t, 60*time.Second, "the owner", func() {
		for i := range conns {
			fd, theirs := sockets(t)
			ours[i] = fd
			if err := p.Add(fd, uint64(i)); err != nil {
				t.Error(err)
				return
			}
			f := os.NewFile(uintptr(theirs), "client")
			clients.Go(func() {
				defer f.Close()
				random := rand.New(rand.NewPCG(uint64(i), 1))
				b := make([]byte, 1)
				for range rounds {
					for range random.IntN(100) {
						runtime.Gosched()
					}
					if _, err := f.Write(b); err != nil {
						t.Error(err)
						return
					}
					if _, err := io.ReadFull(f, b); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wakers.Go(func() {
			for !stop.Load() {
				p.Wake()
				time.Sleep(100 * time.Microsecond)
			}
		})
		open := conns
		events := make([]Event, 3)
		b := make([]byte, 16)
		for i := 0; open > 0; i++ {
			for _, e := range events[:p.Poll(events)] {
				if !e.Readable {
					continue
				}
				for {
					n, err := ours[e.Tag].Recv(b)
					if err != nil {
						ours[e.Tag].Close()
						open--
						break
					}
					if n == 0 {
						break
					}
					if _, err := ours[e.Tag].Send(b[:n]); err != nil {
						t.Error(err)
					}
				}
			}
			// Often there is none, and only an edge ends it.
			var until time.Time
			if i%3 == 0 {
				until = time.Now().Add(time.Duration(i%7) * 50 * time.Microsecond)
			}
			if open > 0 {
				if err := p.Sleep(until); err != nil {
					t.Error(err)
					return
				}
			}
			if i == rounds {
				stop.Store(true) // the rest without help
			}
		}
		stop.Store(true)
	})
	clients.Wait()
	wakers.Wait()
}
