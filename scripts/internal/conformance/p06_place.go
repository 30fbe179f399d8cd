package conformance

import (
	"maps"
	"slices"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// patient are the settings of a server whose clients stop reading for a while, or ask often: neither ends a connection.
var patient = stage.Settings{"WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s", "WS_COMMANDS_PER_S": "off"}

// narrow is a client whose socket is soon full.
var narrow = check.Options{ReadBuffer: 4096}

// many messages of a payload of wide bytes are more than sockets and kernel hold for a narrow client.
const (
	many = 1000
	wide = 4000
)

// with is settings with one more.
func with(set stage.Settings, name, value string) stage.Settings {
	all := maps.Clone(set)
	all[name] = value
	return all
}

// samePlace says whether two cursors mean the same (P6.1: a partition missing at the end counts as -1).
func samePlace(a, b wire.Cursor) bool {
	return maps.EqualFunc(a, b, func(p, q wire.Position) bool {
		if p.Log != q.Log {
			return false
		}
		for partition := range int32(max(len(p.At), len(q.At))) {
			if p.Last(partition) != q.Last(partition) {
				return false
			}
		}
		return true
	})
}

// entries are the events of a cursor, ascending.
func entries(c wire.Cursor) []string { return slices.Sorted(maps.Keys(c)) }

// covered counts those of the event's records that a cursor says were dealt with.
func covered(c wire.Cursor, event string, places []kafka.TopicPartition) int {
	n := 0
	for _, p := range places {
		if int64(p.Offset) <= c[event].Last(p.Partition) {
			n++
		}
	}
	return n
}

// counted are n = from..to of a channel, padded to a size if it is not 0.
func counted(event, symbol string, from, to, size int) []stage.Record {
	var records []stage.Record
	for n := from; n <= to; n++ {
		if size > 0 {
			records = append(records, stage.Padded(event, symbol, n, size))
		} else {
			records = append(records, stage.Counted(event, symbol, n))
		}
	}
	return records
}

// follow takes messages until the channel is at n, and nothing else may come.
func follow(t *T, c *stage.Conn, stream *check.Stream, channel string, n int64) {
	for stream.Last(channel) < n {
		stream.Take(c.Want("message"))
	}
	noteStream(t, stream)
}

// takeAll gives messages that have come to a stream; other frames may be among them.
func takeAll(stream *check.Stream, frames []*check.Frame) {
	for _, f := range frames {
		stream.Take(f)
	}
}

// cut ends a connection without a word, gives the stream what had come on it, and returns the client's cursor.
func cut(t *T, c *stage.Conn, stream *check.Stream) wire.Cursor {
	c.Abort()
	for {
		f, err := c.Next(stage.Within(t))
		if err != nil {
			return c.Cursor()
		}
		stream.Take(f)
	}
}

// noteStream fails the case if something was lost, doubled or out of order.
func noteStream(t *T, stream *check.Stream) {
	if err := stream.Err(nil); err != nil {
		t.Fatal(err)
	}
}

// recovered resumes on a new connection: all events must be recovered. It takes the replay up to its end.
func recovered(t *T, c *stage.Conn, s check.Subscription) (ack, end *check.Frame, replay []*check.Frame) {
	ack = c.Acked(s)
	if ack.Recovered == nil || !*ack.Recovered || len(ack.Lost) > 0 {
		t.Fatalf("got %s for the cursor %v, want all recovered", ack, s.Cursor)
	}
	end, replay = replayed(t, c, ack)
	return ack, end, replay
}

// lost resumes on a new connection: just these events must be lost. It takes the replay of the others up to its end.
func lost(t *T, c *stage.Conn, s check.Subscription, events ...string) (ack, end *check.Frame, replay []*check.Frame) {
	ack = c.Acked(s)
	if ack.Recovered == nil || *ack.Recovered || !stage.SameSet(ack.Lost, events) {
		t.Fatalf("got %s for the cursor %v, want %v lost", ack, s.Cursor, events)
	}
	end, replay = replayed(t, c, ack)
	return ack, end, replay
}

// replayed takes a replay up to its end, which must count what came and be the one that was acknowledged.
func replayed(t *T, c *stage.Conn, ack *check.Frame) (end *check.Frame, replay []*check.Frame) {
	end, replay = c.UntilType("replay_complete")
	for _, f := range replay {
		if f.Type != "message" {
			t.Fatalf("a %s came within a replay", f)
		}
	}
	if end.Replayed != uint64(len(replay)) || string(end.ID) != string(ack.ID) {
		t.Fatalf("got %s after %d messages of the replay that %s acknowledged", end, len(replay), ack)
	}
	return end, replay
}

// fromStart is the cursor before everything in the log that a connection's cursor names.
func fromStart(c wire.Cursor, event string) wire.Cursor {
	return wire.Cursor{event: {Log: c[event].Log, At: []int64{}}}
}

// fallsBehind waits until one connection of the case's own server is.
func fallsBehind(t *T, s *stage.Server) {
	stage.Eventually(t, "the client to be behind", func() bool { return s.Metric(t, "ws_connections_behind") == 1 })
}
