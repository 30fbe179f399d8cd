package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// Frame is one frame from the server: the fields of every message type, those
// of other types being zero.
type Frame struct {
	Raw  []byte `json:"-"` // the payload as it came
	Type string `json:"type"`

	// data messages
	Seq     uint64          `json:"seq"`
	Channel string          `json:"channel"`
	Pos     string          `json:"pos"`
	TS      int64           `json:"ts"` // Unix milliseconds; pong has one too
	Data    json.RawMessage `json:"data"`
	Base64  *string         `json:"data_base64"`

	// answers
	ID           json.RawMessage `json:"id"`
	Subscribed   []string        `json:"subscribed"`
	Unsubscribed []string        `json:"unsubscribed"`
	Count        int             `json:"count"`
	Recovered    *bool           `json:"recovered"`
	Lost         []string        `json:"lost"`
	Expires      int64           `json:"expires"`
	Message      string          `json:"message"`
	Temporary    bool            `json:"temporary"`

	// an error's or notice's is a string, a bye's a number
	Code json.RawMessage `json:"code"`

	// the ledger of pong, bye and replay_complete
	Cursor   wire.Cursor `json:"cursor"`
	Sent     uint64      `json:"sent"`
	Merged   uint64      `json:"merged"`
	Replayed uint64      `json:"replayed"`

	// welcome
	Conn        string `json:"conn"`
	Server      string `json:"server"`
	Version     string `json:"version"`
	HeartbeatMS int    `json:"heartbeat_ms"`
	Limits      Limits `json:"limits"`

	// notice and gap
	ReconnectInMS *int   `json:"reconnect_in_ms"`
	Event         string `json:"event"`
	Partition     int32  `json:"partition"`
	From          *int64 `json:"from"`
	To            *int64 `json:"to"`
	Log           string `json:"log"`
}

// Limits are what a welcome says a client may do.
type Limits struct {
	MessageBytes int `json:"message_bytes"`
	Channels     int `json:"channels"`
	CommandsPerS int `json:"commands_per_s"`
}

// ErrorCode is the code of an error or notice, "" elsewhere.
func (f *Frame) ErrorCode() string { return strings.Trim(string(f.Code), `"`) }

// Position splits pos, `event/partition:offset`.
func (f *Frame) Position() (event string, partition int32, offset int64, err error) {
	event, rest, ok := strings.Cut(f.Pos, "/")
	part, off, ok2 := strings.Cut(rest, ":")
	p, err1 := strconv.ParseInt(part, 10, 32)
	o, err2 := strconv.ParseInt(off, 10, 64)
	if !ok || !ok2 || err1 != nil || err2 != nil || p < 0 || o < 0 {
		return "", 0, 0, fmt.Errorf("pos %q is not event/partition:offset", f.Pos)
	}
	return event, int32(p), o, nil
}

// String is the payload, shortened, for a test's message.
func (f *Frame) String() string {
	if len(f.Raw) > 400 {
		return string(f.Raw[:400]) + "…"
	}
	return string(f.Raw)
}

// decode reads a payload strictly: what the protocol does not name is an
// error, so that a misspelt field does not pass as a missing one.
func decode(raw []byte) (*Frame, error) {
	f := &Frame{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("decode frame %q: %w", raw, err)
	}
	f.Raw = raw
	return f, nil
}
