package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// MaxOffset is the largest offset on the wire: the largest integer that every
// JSON implementation holds exactly (RFC 8259 section 6).
const MaxOffset = 1<<53 - 1

// A Position says how far a log has been dealt with.
type Position struct {
	// Log names the log (LogName); it is empty for a topic that does not
	// exist yet.
	Log string `json:"log"`
	// At is the last offset dealt with, by partition; -1 for none.
	At []int64 `json:"at"`
}

// Last is the last offset of partition dealt with. A partition missing at the
// end counts as -1: nothing of it has been seen.
func (p Position) Last(partition int32) int64 {
	if partition < 0 || int(partition) >= len(p.At) {
		return -1
	}
	return p.At[partition]
}

// A Cursor is a connection's place in the logs, by event. A nil Cursor renders
// as the empty one.
type Cursor map[string]Position

// Append renders c as JSON, events in ascending order, and returns the
// extended buffer. Up to 32 events it allocates nothing but what dst needs.
func (c Cursor) Append(dst []byte) []byte {
	var buf [32]string
	events := buf[:0]
	for event := range c {
		events = append(events, event)
	}
	slices.Sort(events)
	dst = append(dst, '{')
	for i, event := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		position := c[event]
		dst = appendString(dst, event)
		dst = append(dst, `:{"log":`...)
		dst = appendString(dst, position.Log)
		dst = append(dst, `,"at":[`...)
		for j, offset := range position.At {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, offset, 10)
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, '}')
}

// LogName names a topic's log by its topic ID (KIP-516): a topic deleted and
// made anew has another name. It is the first 16 hex digits of the SHA-256 of
// the ID's 16 bytes.
func LogName(topicID [16]byte) string { return logName(topicID[:]) }

// LogNameWithoutID names the log on a broker that has no topic IDs. There, a
// topic made anew keeps its name.
func LogNameWithoutID(clusterID, topic string) string {
	return logName([]byte(clusterID + "/" + topic))
}

func logName(identity []byte) string {
	sum := sha256.Sum256(identity)
	return hex.EncodeToString(sum[:8])
}
