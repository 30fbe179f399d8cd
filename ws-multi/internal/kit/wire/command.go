package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Type is what a command asks for.
type Type string

// The commands of a client.
const (
	TypeSubscribe   Type = "subscribe"
	TypeUnsubscribe Type = "unsubscribe"
	TypeHeartbeat   Type = "heartbeat"
	TypeAuth        Type = "auth"
)

const (
	// MaxIDBytes is the length of the longest id that is a string, in bytes of
	// UTF-8 once decoded.
	MaxIDBytes = 64
	// MaxIDInteger bounds an id that is an integer, on both sides.
	MaxIDInteger = 1 << 53
	// MaxLast is how many messages of a channel `last` can ask for.
	MaxLast = 100
)

// An ID is a command's id as the client wrote it, a JSON string or integer; it
// goes back byte for byte. It is nil when the command had none.
type ID []byte

// A Command is a client's command whose form is right. Whether the channels
// exist, are allowed and are within the limits is for the server to say.
type Command struct {
	Type Type
	ID   ID
	// Patterns is the set of channels, in the order sent, without repeats.
	Patterns []Pattern
	// Channels are the texts of Patterns, in the same order.
	Channels []string
	// All is set by an unsubscribe that names no channels: it means all.
	All bool
	// Cursor is nil unless the command had one; it may be empty.
	Cursor Cursor
	// Last is how many messages of each channel to send first; 0 for none.
	Last int
	// Token is the fresh token of an auth.
	Token string
}

// ErrNotObject is for what is no command at all: not UTF-8, not JSON, or not
// an object. The connection is closed with CloseBadRequest.
var ErrNotObject = errors.New("not a JSON object")

// A CommandError is for a command that is refused as it stands. It becomes an
// Error message; the connection stays.
type CommandError struct {
	// ID is the command's id if it could be read.
	ID      ID
	Code    ErrorCode
	Message string
}

func (e *CommandError) Error() string { return string(e.Code) + ": " + e.Message }

// ParseCommand reads one text frame. Its error is ErrNotObject or a
// *CommandError; with the latter the Command still holds the type, if that is a
// known one, and the id. The result shares nothing with b.
//
// Of several faults the error tells the first in this order: nesting and
// repeated keys as they stand in the text, `id`, `type`, `data`, then
// `channels`, `cursor`, `last` or `token` and their combination, and last the
// form of each channel in its order.
//
// Memory and time are linear in the length of b.
func ParseCommand(b []byte) (Command, error) {
	if !utf8.Valid(b) || !validSyntax(b, unlimited) {
		return Command{}, ErrNotObject
	}
	text := strings.TrimRight(string(b[skipSpace(b, 0):]), " \n\r\t")
	if text[0] != '{' {
		return Command{}, ErrNotObject
	}

	var id, kind, data field
	for key, value := range members(text) {
		switch key {
		case "id":
			id.set(value)
		case "type":
			kind.set(value)
		case "data":
			data.set(value)
		}
	}

	var cmd Command
	var idFault string
	cmd.ID, idFault = parseID(id)
	name, kindFault := kind.text("type")
	if kind.count == 1 {
		cmd.Type = knownType(name)
	}
	refuse := func(code ErrorCode, message string) (Command, error) {
		return Command{Type: cmd.Type, ID: cmd.ID}, &CommandError{ID: cmd.ID, Code: code, Message: message}
	}

	if fault := structureFault(text, 1); fault != "" {
		return refuse(BadRequest, fault)
	}
	if idFault != "" {
		return refuse(BadRequest, idFault)
	}
	if kindFault != "" {
		return refuse(BadRequest, kindFault)
	}
	if cmd.Type == "" {
		return refuse(UnknownType, fmt.Sprintf("there is no command %s: send subscribe, unsubscribe, heartbeat or auth", quote(name)))
	}
	if data.count > 0 && data.value[0] != '{' {
		return refuse(BadRequest, "data is not an object: send an object, or leave it out")
	}
	if code, fault := cmd.readData(data); fault != "" {
		return refuse(code, fault)
	}
	return cmd, nil
}

// knownType is the type of that name, or "". It returns the constant: name is
// a piece of the whole frame, which the command must not keep alive.
func knownType(name string) Type {
	for _, t := range []Type{TypeSubscribe, TypeUnsubscribe, TypeHeartbeat, TypeAuth} {
		if name == string(t) {
			return t
		}
	}
	return ""
}

// A field is the value of a key that means something, and how often it stood.
type field struct {
	value string
	count int
}

func (f *field) set(value string) {
	f.value = value
	f.count++
}

// text is the field as a string, or what is wrong with it.
func (f field) text(name string) (string, string) {
	if f.count == 0 {
		return "", name + " is missing: send it as a string"
	}
	if f.value[0] != '"' {
		return "", name + " is not a string: send it as a string"
	}
	return unquote(f.value), ""
}

func parseID(f field) (ID, string) {
	if f.count == 0 {
		return nil, ""
	}
	if f.count == 1 {
		if f.value[0] == '"' {
			if len(unquote(f.value)) <= MaxIDBytes {
				return ID(f.value), ""
			}
		} else if _, ok := integer(f.value, -MaxIDInteger, MaxIDInteger); ok {
			return ID(f.value), ""
		}
	}
	return nil, "id is neither a string of at most 64 bytes nor an integer within ±2^53: send one of these, or none"
}

// readData reads the fields that the command's type has; it ignores others.
func (c *Command) readData(data field) (ErrorCode, string) {
	var channels, cursor, last, token field
	if data.count > 0 {
		for key, value := range members(data.value) {
			switch key {
			case "channels":
				channels.set(value)
			case "cursor":
				cursor.set(value)
			case "last":
				last.set(value)
			case "token":
				token.set(value)
			}
		}
	}
	switch c.Type {
	case TypeSubscribe:
		if channels.count == 0 {
			return BadRequest, "channels is missing: list at least one channel, such as [\"BTC.trade\"]"
		}
		return c.readSubscription(channels, cursor, last)
	case TypeUnsubscribe:
		if channels.count == 0 {
			c.All = true
			return "", ""
		}
		return c.readSubscription(channels, field{}, field{})
	case TypeAuth:
		text, fault := token.text("token")
		if fault == "" && text == "" {
			fault = "token is empty: send a fresh one"
		}
		c.Token = strings.Clone(text)
		return BadRequest, fault
	}
	return "", ""
}

func (c *Command) readSubscription(channels, cursor, last field) (ErrorCode, string) {
	names, fault := parseChannels(channels.value)
	if fault != "" {
		return BadRequest, fault
	}
	if cursor.count > 0 {
		if c.Cursor, fault = parseCursor(cursor.value); fault != "" {
			return BadRequest, fault
		}
	}
	if last.count > 0 {
		n, ok := integer(last.value, 1, MaxLast)
		if !ok {
			return BadRequest, "last is not an integer from 1 to 100: send one, or leave it out"
		}
		c.Last = int(n)
	}
	if cursor.count > 0 && last.count > 0 {
		return BadRequest, "cursor and last do not go together: send cursor to resume, or last to begin"
	}
	var seen keySet
	for _, name := range names {
		pattern, err := ParsePattern(name)
		if err != nil {
			return ChannelInvalid, err.Error()
		}
		if seen.add(name) {
			own := strings.Clone(name)
			pattern.Symbol, pattern.Event = own[:len(pattern.Symbol)], own[len(pattern.Symbol)+1:]
			c.Patterns = append(c.Patterns, pattern)
			c.Channels = append(c.Channels, own)
		}
	}
	return "", ""
}

func parseChannels(value string) ([]string, string) {
	const fault = "channels is not a list of strings: send one, such as [\"BTC.trade\"]"
	if value[0] != '[' {
		return nil, fault
	}
	var names []string
	for element := range elements(value) {
		if element[0] != '"' {
			return nil, fault
		}
		names = append(names, unquote(element))
	}
	if len(names) == 0 {
		return nil, "channels is empty: list at least one channel, such as [\"BTC.trade\"]"
	}
	return names, ""
}

func parseCursor(value string) (Cursor, string) {
	if value[0] != '{' {
		return nil, "cursor is not an object: send the cursor that the server sent last"
	}
	cursor := Cursor{}
	for event, entry := range members(value) {
		if !ValidEvent(event) {
			return nil, fmt.Sprintf("cursor has an entry %s, which is no event: send the cursor that the server sent last", quote(event))
		}
		position, fault := parsePosition(entry)
		if fault != "" {
			return nil, fmt.Sprintf("cursor's entry %s %s", quote(event), fault)
		}
		cursor[strings.Clone(event)] = position
	}
	return cursor, ""
}

func parsePosition(value string) (Position, string) {
	if value[0] != '{' {
		return Position{}, `is not an object: send {"log":…,"at":[…]}`
	}
	var log, at field
	for key, value := range members(value) {
		switch key {
		case "log":
			log.set(value)
		case "at":
			at.set(value)
		}
	}
	if log.count == 0 || log.value[0] != '"' {
		return Position{}, "has no log that is a string: send the log that the server named"
	}
	if at.count == 0 || at.value[0] != '[' {
		return Position{}, "has no at that is a list of offsets: send one for each partition"
	}
	position := Position{Log: strings.Clone(unquote(log.value)), At: []int64{}}
	for element := range elements(at.value) {
		offset, ok := integer(element, -1, MaxOffset)
		if !ok {
			return Position{}, fmt.Sprintf("has the offset %s: send integers from -1 to 2^53-1", quote(element))
		}
		position.At = append(position.At, offset)
	}
	return position, ""
}
