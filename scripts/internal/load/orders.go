package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// job is what takes a while: connecting, or returning.
type job struct {
	kind   jobKind
	id     int // of its order
	target int // connections
	flight int // handshakes at once
	each   uint32
	told   int64 // Unix µs of the last line of progress
	err    error // it failed for good

	refused map[string]int
	took    *hdrhistogram.Histogram // µs from connect(2) to the acknowledgement

	lastLive, lastCaught int64 // Unix µs
	complete             int   // caught up
	notRecovered         int
	replayed             int64
}

type jobKind uint8

const (
	none jobKind = iota
	connectingAll
	returning
)

func (j *job) refuse(why string) { j.refused[why]++ }

var errNoSetup = errors.New("it was not set up")

// do does one order. Its error is the worker's end; what an order cannot do is told in the report.
func (w *worker) do(o *order) error {
	r := report{ID: o.ID}
	var err error
	switch {
	case o.Do == doSetup && o.Setup != nil:
		err = w.setUp(o.Setup)
	case o.Do == doQuit:
		w.quit = true
	case w.plan == nil:
		err = errNoSetup
	case o.Do == doConnect:
		w.connectAll(o)
		return nil
	case o.Do == doReturn:
		if err = w.returnAll(o); err == nil {
			return nil
		}
	case o.Do == doCancel:
		w.abandon()
		return nil // the job is answered, this is not
	case o.Do == doCounts:
		r.Counts = w.snapshot()
	case o.Do == doBegin:
		err = w.begin()
	case o.Do == doEnd:
		r.Interval, err = w.end()
	case o.Do == doStall:
		err = w.stall()
	case o.Do == doCut:
		w.cut()
	default:
		err = fmt.Errorf("order %q is unknown", o.Do)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return w.tell(r)
}

func (w *worker) setUp(s *setup) (err error) {
	if w.target, err = netip.ParseAddrPort(s.Addr); err != nil || !w.target.Addr().Is4() {
		return fmt.Errorf("address %q is not one of IPv4 with a port", s.Addr)
	}
	if w.dialect, err = parseDialect(s.Dialect); err != nil {
		return err
	}
	if s.Behind {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, behindPriority) // as with the other priority, who may not waits
	}
	w.setup = *s
	w.plan = scenario.NewPlan(s.Scenario, s.Share)
	return nil
}

// connectAll begins to connect those of the first N that are not.
func (w *worker) connectAll(o *order) {
	w.job = newJob(connectingAll, o)
	w.grow(o.N)
	w.job.target = len(w.conns)
	for i := range w.conns {
		c := &w.conns[i]
		if c.stalled {
			if open, _, _ := unread(c.fd); !open {
				w.hangUp(int32(i))
				w.to(c, idle)
			}
		}
		if c.step == closing {
			w.hangUp(int32(i))
			w.to(c, idle)
		}
		if c.step == idle {
			w.enqueue(int32(i))
		}
	}
}

func newJob(kind jobKind, o *order) job {
	return job{kind: kind, id: o.ID, flight: max(o.Flight, 1), each: uint32(o.Each), refused: map[string]int{}, took: newHistogram()}
}

// progressInterval is how often progress is told, in µs.
const progressInterval = 100_000

// advance does what no event brings: timeouts, the queue, the end of a job.
func (w *worker) advance() {
	if w.job.kind == none && len(w.timed) == 0 {
		return
	}
	now := time.Now().UnixMicro()
	w.tick(now)
	if w.job.kind == none {
		return
	}
	w.fill()
	done := w.live >= w.job.target
	if w.job.kind == returning {
		done = w.job.complete >= w.job.target
	}
	if done || w.job.err != nil {
		w.finish()
	} else if now-w.job.told >= progressInterval {
		w.job.told = now
		w.tellOrQuit(report{ID: w.job.id, More: true})
	}
}

// fail ends the job: it would not come to an end by itself.
func (w *worker) fail(err error) {
	if w.job.err == nil {
		w.job.err = err
	}
	w.drop()
}

// abandon ends the job as it is.
func (w *worker) abandon() {
	if w.job.kind != none {
		w.finish()
	}
}

// drop gives up every connection that is still coming.
func (w *worker) drop() {
	w.queue, w.next = w.queue[:0], 0
	for i := range w.conns {
		if c := &w.conns[i]; c.step.shaking() || c.step == queued || c.step == waiting {
			w.hangUp(int32(i))
			w.to(c, idle)
			c.began, c.tries = 0, 0
		}
	}
}

// finish answers the order of the job.
func (w *worker) finish() {
	w.drop()
	r := report{ID: w.job.id}
	if w.job.err != nil {
		r.Error = w.job.err.Error()
	}
	if w.job.kind == returning {
		r.Returned = w.returned()
	} else {
		took, err := w.job.took.EncodeV2()
		if err != nil {
			r.Error = err.Error()
		}
		r.Came = &cameLine{Refused: w.job.refused, Took: took}
	}
	w.job = job{}
	w.tellOrQuit(r)
}

// tellOrQuit is for reports that no order waits for: nobody reads them any more when they cannot be written.
func (w *worker) tellOrQuit(r report) {
	if w.tell(r) != nil {
		w.quit = true
	}
}

func (w *worker) snapshot() *Counts {
	c := w.counts
	c.Connections = w.live
	c.Faults = w.counts.clone()
	return &c
}

// begin starts an interval. Faults go on: what happened since the last interval belongs to this one.
func (w *worker) begin() (err error) {
	w.counts = Counts{Faults: w.counts.Faults}
	w.latency.Reset()
	w.last.reset()
	w.slice = true
	w.begun, err = w.usedSoFar()
	return err
}

func (w *worker) end() (*intervalLine, error) {
	w.slice = false
	ended, err := w.usedSoFar()
	if err != nil {
		return nil, err
	}
	line := &intervalLine{Counts: *w.snapshot(), Stalled: w.stalls(), Last: w.last.table()}
	line.Busy, line.Wait, line.Seconds = ended.since(w.begun)
	w.counts.Faults = Faults{}
	line.Latency, err = w.latency.EncodeV2()
	return line, err
}

// stall stops reading of the connections that are to stall.
func (w *worker) stall() error {
	for i := range w.conns {
		c := &w.conns[i]
		if !c.stalls || c.stalled || c.step != live {
			continue
		}
		if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, int(c.fd), nil); err != nil {
			return fmt.Errorf("take connection %d out of the epoll set: %w", w.global(i), err)
		}
		c.stalled = true
	}
	return nil
}

func (w *worker) stalls() (s Stalled) {
	for i := range w.conns {
		if c := &w.conns[i]; c.stalled {
			one := Stalled{Connections: 1}
			if open, bytes, full := unread(c.fd); open {
				one.Open, one.Unread = 1, int64(bytes)
				if full {
					one.Full = 1
				}
			}
			s.add(one)
		}
	}
	return s
}
