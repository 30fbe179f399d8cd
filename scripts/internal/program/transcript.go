package program

import (
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// Events of every world, in the order of its topics.
var Events = []string{"trade", "book", "state"}

// Transcript is all that happened while a program ran, for [Check].
type Transcript struct {
	Log     Log      `json:"log"`
	Clients []Client `json:"clients"`
	// Target are the offsets, by event and partition, that a client must have been told to be covered before it went; -1: none.
	Target map[string][]int64 `json:"target"`
}

// Log is what was written to the topics since before the program began, by event.
type Log map[string]EventLog

// EventLog is the part of one topic.
type EventLog struct {
	Name       string     `json:"name"` // as cursors name it (P6.1)
	Conflated  bool       `json:"conflated"`
	Partitions [][]Record `json:"partitions"` // each in ascending order of offsets
	Ends       []int64    `json:"ends"`       // the offsets that the partitions would have given out next
}

// Record is one that was written.
type Record struct {
	Offset  int64         `json:"offset"`
	Symbol  string        `json:"symbol"` // "": it has no channel
	Value   []byte        `json:"value"`  // nil: a tombstone
	Text    bool          `json:"text"`   // the value is JSON
	TS      int64         `json:"ts"`     // Unix milliseconds
	Aborted bool          `json:"aborted"`
	At      time.Duration `json:"at"` // on the transcript's clock, before it was written
}

// Client is one client's life.
type Client struct {
	Conns []Conn `json:"conns"`
}

// Conn is one connection, from its beginning to its end.
type Conn struct {
	Server  string  `json:"server"`
	Entries []Entry `json:"entries"`
	// Slow: the client has read nothing for a while, and may be closed for it.
	Slow bool `json:"slow"`
	// End says who ended it: cut or close, the client; else the server.
	End string `json:"end"`
	// Code is that of the close frame that came, 0 without one.
	Code int `json:"code"`
	// Ended is when it had ended.
	Ended time.Duration `json:"ended"`
	// Err is what reading ended with.
	Err string `json:"err"`
}

// Entry is a command that was sent or a frame that came, in the order in which the client saw both.
type Entry struct {
	At   time.Duration `json:"at"`
	Sent *Command      `json:"sent,omitempty"`
	Came []byte        `json:"came,omitempty"`
}

// Command is one that a client sent.
type Command struct {
	ID       int         `json:"id"`
	Type     string      `json:"type"`
	Channels []string    `json:"channels,omitempty"` // nil for an unsubscribe: all
	Cursor   wire.Cursor `json:"cursor,omitempty"`
	Last     int         `json:"last,omitempty"`
	// Own: the cursor is the client's own by P6.5, which the model keeps too.
	Own bool `json:"own,omitempty"`
}

// replays says whether the command is answered twice.
func (c *Command) replays() bool { return c.Cursor != nil || c.Last > 0 }

// matches says whether a pattern stands for the channel.
func matches(pattern, symbol, event string) bool {
	s, e, _ := strings.Cut(pattern, ".")
	return (s == "*" || s == symbol) && (e == "*" || e == event)
}

func anyMatches(patterns []string, symbol, event string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, symbol, event) })
}

// ofEvent says whether one of the patterns has a channel of the event.
func ofEvent(patterns []string, event string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		_, e, _ := strings.Cut(p, ".")
		return e == "*" || e == event
	})
}

// exact says whether a pattern names one channel.
func exact(pattern string) bool { return !strings.Contains(pattern, "*") }

// search is the index of the first record with an offset above after.
func search(records []Record, after int64) int {
	i, _ := slices.BinarySearchFunc(records, after+1, func(r Record, o int64) int {
		switch {
		case r.Offset < o:
			return -1
		case r.Offset > o:
			return 1
		}
		return 0
	})
	return i
}
