package load

import "math/bits"

// step is where a connection is in its life.
type step uint8

const (
	idle        step = iota // has no socket, and nobody wants it to have one
	queued                  // is to be dialed
	waiting                 // was refused, is dialed again when it is due
	connecting              // connect(2) has been called
	upgrading               // the request is out
	greeting                // upgraded; the welcome is to come
	subscribing             // the command is out
	pausing                 // the next command waits until it is due
	live                    // acknowledged
	closing                 // a close frame came and was answered; the server hangs up
)

// shaking says whether the connection takes a place among the handshakes in flight.
func (s step) shaking() bool { return s >= connecting && s <= pausing }

// conn is one connection; its number is its index in the worker's table. What a socket has begins anew with each one;
// holdings and positions outlive it where the connection comes back with its cursor.
type conn struct {
	rest    []byte // the beginning of a frame, or of the answer to the upgrade
	out     []byte // what the socket did not take yet
	seq     uint64 // ws: of the last data message
	began   int64  // Unix µs of the first connect(2), of those that were refused too
	replays int64  // messages that a replay brought, as the server has told
	due     int64  // Unix µs: a handshake has failed by then, one that waits goes on; 0: nothing is awaited

	fd      int32
	gen     uint32 // of the socket: events of an earlier one may still be in hand
	since   uint32 // data messages since the cut
	first   int32  // its holdings begin here
	held    uint16 // so many
	from    uint16 // of them, those that the command on its way begins with
	upTo    uint16 // and ends before
	acks    uint16 // answers to it that are still to come
	command uint16 // its id
	log     uint16 // ws: the name of the cursor's log, an index
	step    step
	tries   uint8 // that were refused in a row

	stalls    bool // is one of those that will stop reading
	stalled   bool // does not read any more
	timed     bool // is in the list of those that wait for a time
	resumes   bool // comes back with its cursor
	replayed  bool // its replay is complete
	caught    bool // was counted as caught up
	unwelcome bool // was told that it cannot resume
}

// holdings are the channels of a connection.
func (w *worker) holdings(c *conn) []holding {
	return w.held[c.first : int(c.first)+int(c.held)]
}

// grow makes the tables large enough for so many connections. Connections hold what the plan says, and know no position.
func (w *worker) grow(n int) {
	var channels []int32
	for i := len(w.conns); i < n; i++ {
		global := w.global(i)
		channels = w.plan.ChannelsOf(global, channels)
		w.conns = append(w.conns, conn{
			fd: -1, first: int32(len(w.held)), held: uint16(len(channels)), stalls: w.plan.Stalled(global),
		})
		for _, ch := range channels {
			w.held = append(w.held, holding{channel: ch})
		}
	}
	if w.dialect == ws {
		for len(w.at) < len(w.conns)*w.partitions {
			w.at = append(w.at, -1)
		}
	}
}

// global is the number of a connection among those of all workers, by which the plan knows it.
func (w *worker) global(i int) int { return i*w.setup.Workers + w.setup.Number }

// positions are the last offsets the connection has dealt with, by partition; -1: none.
func (w *worker) positions(i int32) []int64 {
	return w.at[int(i)*w.partitions : (int(i)+1)*w.partitions]
}

// widen makes room for more partitions than there seemed to be.
func (w *worker) widen(partitions int) {
	old, oldWidth := w.at, w.partitions
	w.partitions = partitions
	w.at = make([]int64, len(w.conns)*partitions)
	for i := range w.at {
		w.at[i] = -1
	}
	for i := range w.conns {
		copy(w.positions(int32(i)), old[i*oldWidth:(i+1)*oldWidth])
	}
}

// forget is for a connection that starts without a cursor: whatever comes first is where its counting begins.
func (w *worker) forget(i int32) {
	c := &w.conns[i]
	held := w.holdings(c)
	for k := range held {
		held[k] = holding{channel: held[k].channel}
	}
	if w.dialect == ws {
		at := w.positions(i)
		for p := range at {
			at[p] = -1
		}
	}
}

// The smallest piece of memory for half a frame is 1<<smallest bytes.
const smallest = 9

// keep puts what is half a frame into the connection. The memory is the worker's own: what one connection gives back the
// next one takes, and the collector never hears of it.
func (w *worker) keep(c *conn, half []byte) {
	if len(half) > cap(c.rest) || len(half) == 0 {
		w.release(c)
		if len(half) == 0 {
			return
		}
		class := max(bits.Len(uint(len(half)-1)), smallest)
		if n := len(w.free[class]); n > 0 {
			c.rest = w.free[class][n-1]
			w.free[class] = w.free[class][:n-1]
		} else {
			c.rest = make([]byte, 1<<class)
		}
	}
	c.rest = c.rest[:copy(c.rest[:cap(c.rest)], half)]
}

func (w *worker) release(c *conn) {
	if cap(c.rest) > 0 {
		class := bits.Len(uint(cap(c.rest) - 1))
		w.free[class] = append(w.free[class], c.rest[:0])
		c.rest = nil
	}
}
