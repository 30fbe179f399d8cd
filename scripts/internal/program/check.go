package program

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// Check says whether each client of a program got what kit/PROTOCOL.md promises, P3 to P10, and nothing else. It reads no
// clock and asks nobody: the transcript is all it knows. An error tells the client, the connection, the place in it, what
// was expected there and what came.
func Check(t Transcript) error {
	for k, c := range t.Clients {
		j := &judge{log: t.Log, client: k}
		for n := range c.Conns {
			if err := j.conn(n, &c.Conns[n]); err != nil {
				return err
			}
		}
		// One that was cut and held nothing did not come back.
		if n := len(c.Conns); n == 0 || c.Conns[n-1].End != "close" && len(j.held) == 0 {
			continue
		}
		if err := j.complete(t.Target); err != nil {
			return fmt.Errorf("client %d, at its end: %w", k, err)
		}
	}
	return nil
}

// judge follows one client's life by the rules of the protocol.
type judge struct {
	log    Log
	client int
	own    wire.Cursor // the client's, by P6.5

	// Of the connection.
	held     []string
	at       map[string][]int64 // by event of which a channel is held: what was dealt with, by partition
	seq      uint64
	replayed uint64
	merged   uint64 // passed over for certain
	doubtful uint64 // passed over or given up before: nothing told which
	// given up, by event, since a cursor told the place of the connection in it
	doubt    map[string][]string
	asked    []*asked
	replay   *replay
	now      Entry
	welcomed bool
}

// asked is a command that was not answered yet.
type asked struct {
	*Command
	overtaken bool // a later one was answered before
}

// replay is one that is not complete.
type replay struct {
	id     int
	events map[string]bool    // that are resumed
	last   map[string]*newest // by channel; nil for a resume
	count  uint64
}

// newest is what `last` has to bring of a channel.
type newest struct {
	n      int
	may    [][]Record // by partition: what was in the log before the ack's cursor
	got    [][]int64  // offsets, by partition
	halved bool       // the channel was given up meanwhile
}

func (j *judge) conn(n int, c *Conn) error {
	j.held, j.seq, j.replayed, j.merged, j.doubtful, j.asked, j.replay, j.welcomed = nil, 0, 0, 0, 0, nil, nil, false
	j.at, j.doubt = map[string][]int64{}, map[string][]string{}
	if i := slices.IndexFunc(c.Entries, func(e Entry) bool { return e.Sent != nil }); i < 0 || !c.Entries[i].Sent.Own {
		if i >= 0 || len(c.Entries) > 0 {
			j.own = nil
		}
	}
	bye := 0
	for i, e := range c.Entries {
		j.now = e
		err := j.entry(e, &bye)
		if err != nil {
			return fmt.Errorf("client %d, connection %d to %s, entry %d, %s: %w\nbefore it:\n%s",
				j.client, n+1, c.Server, i+1, e, err, story(c.Entries[:i], 40))
		}
	}
	if err := j.end(c, bye); err != nil {
		return fmt.Errorf("client %d, connection %d to %s, at its end: %w\nbefore it:\n%s", j.client, n+1, c.Server, err, story(c.Entries, 40))
	}
	return nil
}

// end judges how the connection ended.
func (j *judge) end(c *Conn, bye int) error {
	switch {
	case c.Code == int(wire.CloseSlowConsumer):
		if !c.Slow && !c.starved() {
			return fmt.Errorf("closed with 4001, and the client was never slow (P9.4)")
		}
	case c.End == "cut":
	case c.End == "close" && c.Code == 1000:
	case c.End == "close" && c.Slow: // what lies before the answer may be more than the client had the patience for
	case c.End == "close":
		return fmt.Errorf("the close was not answered by a close with 1000 (P10.5) but ended with %d, %s", c.Code, c.Err)
	default:
		return fmt.Errorf("the server ended it with %d, %s, without a reason", c.Code, c.Err)
	}
	if bye != 0 {
		return fmt.Errorf("the server said bye with %d, and ended with %d (P10.2)", bye, c.Code)
	}
	return nil
}

func (j *judge) entry(e Entry, bye *int) error {
	if c := e.Sent; c != nil {
		if c.Own && !sameCursor(c.Cursor, j.own) {
			return fmt.Errorf("the client resumes from %v, by P6.5 it is at %v: this is a fault of the test", c.Cursor, j.own)
		}
		j.asked = append(j.asked, &asked{Command: c})
		return nil
	}
	f, err := decode(e.Came)
	if err != nil {
		return err
	}
	if *bye != 0 {
		return fmt.Errorf("it came after bye (P10.2)")
	}
	if j.welcomed == (f.Type == "welcome") {
		return fmt.Errorf("the first message is the welcome, and no other is (P2.4)")
	}
	switch f.Type {
	case "welcome":
		j.welcomed = true
		return nil
	case "message":
		return j.message(f)
	case "replay_complete":
		err = j.replayedAll(f)
	case "subscription_ack":
		err = j.subscribed(f)
	case "unsubscription_ack":
		return j.unsubscribed(f)
	case "error":
		return j.refused(f)
	case "pong":
		if _, err = j.answered(f, "heartbeat"); err == nil {
			err = j.counts(f)
		}
	case "bye":
		if err = json.Unmarshal(f.Code, bye); err == nil {
			err = j.counts(f)
		}
	default:
		return fmt.Errorf("nothing was done that this could tell of")
	}
	if err == nil {
		j.own = check.Clone(f.Cursor)
	}
	return err
}

// starved says whether the client got nothing for so long that it may not have had its turn on a busy machine: its socket may
// have been full then, though it was not slow on purpose.
func (c *Conn) starved() bool {
	const long = stallTimeout * 2 / 3
	last := c.Ended
	for i := len(c.Entries) - 1; i >= 0; i-- {
		if c.Entries[i].Came == nil {
			continue
		}
		if last-c.Entries[i].At > long {
			return true
		}
		last = c.Entries[i].At
	}
	return false
}

// complete judges a client at its end: it must have been answered, and told of all there was.
func (j *judge) complete(target map[string][]int64) error {
	if len(j.asked) > 0 {
		return fmt.Errorf("command %d, a %s, was never answered (P3.3)", j.asked[0].ID, j.asked[0].Type)
	}
	if j.replay != nil {
		return fmt.Errorf("the replay of command %d never came to its end (P3.3)", j.replay.id)
	}
	for event, at := range j.at {
		for p, want := range target[event] {
			if ofEvent(j.held, event) && at[p] < want {
				return fmt.Errorf("%s/%d came up to %d, the log has %d", event, p, at[p], want)
			}
		}
	}
	return nil
}
