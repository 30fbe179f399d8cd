package router

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
)

// reader is a shard that deals with what it is told to.
type reader struct {
	log      *history.Log
	progress chan<- struct{}
	quick    bool // it deals with everything when it is woken

	needs  atomic.Uint64
	waited atomic.Bool
	wakes  atomic.Int64
}

func (r *reader) Needs() uint64 { return r.needs.Load() }
func (r *reader) Wait()         { r.waited.Store(true) }

func (r *reader) Wake() {
	r.wakes.Add(1)
	if r.quick {
		r.deal(r.log.View().End)
	}
}

// deal raises what it needs, and tells if it is waited for.
func (r *reader) deal(to uint64) {
	r.needs.Store(to)
	if r.waited.CompareAndSwap(true, false) {
		select {
		case r.progress <- struct{}{}:
		default:
		}
	}
}

// parts is a router and what it works with.
type parts struct {
	*Router
	log     *history.Log
	readers []*reader
	stop    chan struct{}
	offset  int64
}

// newParts makes a router of a history of so many bytes and ms, with a quick
// reader and, last, a slow one.
func newParts(bytes, window int64) *parts {
	p := &parts{
		log:  history.New(history.Options{Events: []string{"trade", "book"}, Bytes: bytes, Window: window}),
		stop: make(chan struct{}),
	}
	progress := make(chan struct{}, 1)
	var all []Reader
	for _, quick := range []bool{true, false} {
		r := &reader{log: p.log, progress: progress, quick: quick}
		p.readers = append(p.readers, r)
		all = append(all, r)
	}
	began := time.Now()
	now := func() int64 { return time.Since(began).Milliseconds() + 1 }
	p.Router = New(p.log, all, progress, now, p.stop)
	p.Opened(0, "log-trade")
	p.Started(0, 0, 0)
	return p
}

func (p *parts) slow() *reader { return p.readers[len(p.readers)-1] }

func (p *parts) record(value string) {
	p.Record(&kafka.Record{
		Partition: 0, Offset: p.offset, Timestamp: 1, Symbol: fmt.Append(nil, "S", p.offset%7), Value: []byte(value),
	})
	p.offset++
}

var kilobyte = `"` + strings.Repeat("x", 1000) + `"`

func (p *parts) flush(tb testing.TB) {
	tb.Helper()
	if err := p.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}
