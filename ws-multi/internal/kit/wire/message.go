package wire

import "strconv"

// The server's messages. Each has Append, which renders it with its fields in
// the order of PROTOCOL.md and returns the extended buffer. An ID is the
// command's that the message answers; without one the field is left out.

// Limits are the bounds on one connection. Zero means none and renders as null.
type Limits struct {
	MessageBytes      int // of one message of the client
	Channels          int // patterns held at once
	CommandsPerSecond int
}

// Welcome is the first message of every connection.
type Welcome struct {
	Conn    string // names the connection in logs
	Server  string // the variant, such as ws-single
	Version string
	// HeartbeatMS is how often the client sends a heartbeat.
	HeartbeatMS int64
	Limits      Limits
}

// Append renders m.
func (m Welcome) Append(dst []byte) []byte {
	dst = appendHead(dst, "welcome", nil)
	dst = appendString(append(dst, `,"conn":`...), m.Conn)
	dst = appendString(append(dst, `,"server":`...), m.Server)
	dst = appendString(append(dst, `,"version":`...), m.Version)
	dst = appendInt(dst, `,"heartbeat_ms":`, m.HeartbeatMS)
	dst = appendLimit(append(dst, `,"limits":{"message_bytes":`...), m.Limits.MessageBytes)
	dst = appendLimit(append(dst, `,"channels":`...), m.Limits.Channels)
	dst = appendLimit(append(dst, `,"commands_per_s":`...), m.Limits.CommandsPerSecond)
	return append(dst, "}}"...)
}

func appendLimit(dst []byte, n int) []byte {
	if n == 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// SubscriptionAck answers a subscribe.
type SubscriptionAck struct {
	ID ID
	// Subscribed are the channels of this command, without repeats.
	Subscribed []string
	// Count is how many channels the connection holds now.
	Count int
	// Cursor is where what follows starts, for every event of the
	// connection's subscriptions.
	Cursor Cursor
	// Resumed says that the command had a cursor; only then the message has
	// `recovered` and `lost`.
	Resumed bool
	// Lost are the events that could not be resumed; recovered means none.
	Lost []string
}

// Append renders m.
func (m SubscriptionAck) Append(dst []byte) []byte {
	dst = appendHead(dst, "subscription_ack", m.ID)
	dst = appendStrings(append(dst, `,"subscribed":`...), m.Subscribed)
	dst = appendInt(dst, `,"count":`, int64(m.Count))
	dst = m.Cursor.Append(append(dst, `,"cursor":`...))
	if m.Resumed {
		dst = strconv.AppendBool(append(dst, `,"recovered":`...), len(m.Lost) == 0)
		dst = appendStrings(append(dst, `,"lost":`...), m.Lost)
	}
	return append(dst, '}')
}

// ReplayComplete ends what a subscribe with cursor or last brought first.
type ReplayComplete struct {
	ID ID
	// Replayed is how many messages this replay brought.
	Replayed uint64
	Cursor   Cursor
}

// Append renders m.
func (m ReplayComplete) Append(dst []byte) []byte {
	dst = appendHead(dst, "replay_complete", m.ID)
	dst = appendUint(dst, `,"replayed":`, m.Replayed)
	dst = m.Cursor.Append(append(dst, `,"cursor":`...))
	return append(dst, '}')
}

// UnsubscriptionAck answers an unsubscribe.
type UnsubscriptionAck struct {
	ID ID
	// Unsubscribed are the channels that the connection held and does not any
	// more.
	Unsubscribed []string
	// Count is how many channels the connection still holds.
	Count int
}

// Append renders m.
func (m UnsubscriptionAck) Append(dst []byte) []byte {
	dst = appendHead(dst, "unsubscription_ack", m.ID)
	dst = appendStrings(append(dst, `,"unsubscribed":`...), m.Unsubscribed)
	dst = appendInt(dst, `,"count":`, int64(m.Count))
	return append(dst, '}')
}

// Totals count the data messages of a connection since it began.
type Totals struct {
	Sent     uint64 // the seq of the last one
	Merged   uint64 // passed over for a newer one of their channel
	Replayed uint64 // of those sent, brought by a replay
}

func (t Totals) append(dst []byte) []byte {
	dst = appendUint(dst, `,"sent":`, t.Sent)
	dst = appendUint(dst, `,"merged":`, t.Merged)
	return appendUint(dst, `,"replayed":`, t.Replayed)
}

// Pong answers a heartbeat.
type Pong struct {
	ID     ID
	TS     int64 // the server's clock, Unix milliseconds
	Cursor Cursor
	Totals
}

// Append renders m.
func (m Pong) Append(dst []byte) []byte {
	dst = appendHead(dst, "pong", m.ID)
	dst = appendInt(dst, `,"ts":`, m.TS)
	dst = m.Cursor.Append(append(dst, `,"cursor":`...))
	return append(m.Totals.append(dst), '}')
}

// AuthAck answers an auth.
type AuthAck struct {
	ID ID
	// Expires is when the new token does, in Unix milliseconds.
	Expires int64
}

// Append renders m.
func (m AuthAck) Append(dst []byte) []byte {
	dst = appendHead(dst, "auth_ack", m.ID)
	return append(appendInt(dst, `,"expires":`, m.Expires), '}')
}

// Error refuses a command. `temporary` follows from the code.
type Error struct {
	ID      ID
	Code    ErrorCode
	Message string // says what to do
}

// Append renders m.
func (m Error) Append(dst []byte) []byte {
	dst = appendHead(dst, "error", m.ID)
	dst = appendString(append(dst, `,"code":`...), string(m.Code))
	dst = appendString(append(dst, `,"message":`...), m.Message)
	dst = strconv.AppendBool(append(dst, `,"temporary":`...), m.Code.Temporary())
	return append(dst, '}')
}

// A NoticeCode says why the connection will be closed.
type NoticeCode string

// The notice codes, and the close that follows.
const (
	NoticeDrain     NoticeCode = "DRAIN"     // CloseDrain
	NoticeRebalance NoticeCode = "REBALANCE" // CloseRebalance
)

// Notice announces a close that the client need not fear.
type Notice struct {
	Code NoticeCode
	// ReconnectInMS is how long the client waits after the close.
	ReconnectInMS int64
}

// Append renders m.
func (m Notice) Append(dst []byte) []byte {
	dst = appendHead(dst, "notice", nil)
	dst = appendString(append(dst, `,"code":`...), string(m.Code))
	return append(appendInt(dst, `,"reconnect_in_ms":`, m.ReconnectInMS), '}')
}

// Gap says that the log itself lost records before they were read.
type Gap struct {
	Event     string
	Partition int32
	// From and To are the lost offsets, both inclusive.
	From, To int64
	// Log is the name of the log that took the place of the old one. If it is
	// not empty, it stands instead of From and To, and the gap concerns all
	// partitions of the event; Partition is 0 then.
	Log    string
	Cursor Cursor
}

// Append renders m.
func (m Gap) Append(dst []byte) []byte {
	dst = appendHead(dst, "gap", nil)
	dst = appendString(append(dst, `,"event":`...), m.Event)
	dst = appendInt(dst, `,"partition":`, int64(m.Partition))
	if m.Log != "" {
		dst = appendString(append(dst, `,"log":`...), m.Log)
	} else {
		dst = appendInt(dst, `,"from":`, m.From)
		dst = appendInt(dst, `,"to":`, m.To)
	}
	dst = m.Cursor.Append(append(dst, `,"cursor":`...))
	return append(dst, '}')
}

// Bye is the last message before most closes by the server.
type Bye struct {
	Code   CloseCode
	Cursor Cursor
	Totals
}

// Append renders m.
func (m Bye) Append(dst []byte) []byte {
	dst = appendHead(dst, "bye", nil)
	dst = appendUint(dst, `,"code":`, uint64(m.Code))
	dst = m.Cursor.Append(append(dst, `,"cursor":`...))
	return append(m.Totals.append(dst), '}')
}
