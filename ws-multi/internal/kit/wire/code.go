package wire

// An ErrorCode says why a command was refused. It is the `code` of an Error.
type ErrorCode string

// The error codes.
const (
	// BadRequest: the command's form is wrong, or it does not fit what this
	// connection holds.
	BadRequest ErrorCode = "BAD_REQUEST"
	// UnknownType: there is no such command.
	UnknownType ErrorCode = "UNKNOWN_TYPE"
	// ChannelInvalid: a channel is malformed, or names an event that this
	// server does not have.
	ChannelInvalid ErrorCode = "CHANNEL_INVALID"
	// ChannelLimit: the connection would hold more channels than
	// welcome.limits.channels.
	ChannelLimit ErrorCode = "CHANNEL_LIMIT"
	// Forbidden: no claim of the token covers a channel.
	Forbidden ErrorCode = "FORBIDDEN"
	// Unauthorized: the token of an auth is not valid for this connection.
	Unauthorized ErrorCode = "UNAUTHORIZED"
	// RateLimitExceeded: more commands than welcome.limits.commands_per_s.
	RateLimitExceeded ErrorCode = "RATE_LIMIT_EXCEEDED"
	// Busy: an earlier replay of this connection is not complete.
	Busy ErrorCode = "BUSY"
	// Unavailable: the server cannot do it now, such as reach what a cursor
	// ahead of it names.
	Unavailable ErrorCode = "UNAVAILABLE"
	// Internal: the server failed.
	Internal ErrorCode = "INTERNAL"
)

// ErrorCodes lists all error codes in the order of PROTOCOL.md.
func ErrorCodes() []ErrorCode {
	return []ErrorCode{
		BadRequest, UnknownType, ChannelInvalid, ChannelLimit, Forbidden, Unauthorized,
		RateLimitExceeded, Busy, Unavailable, Internal,
	}
}

// Temporary reports whether the same command may succeed later, with nothing
// about it changed.
func (c ErrorCode) Temporary() bool {
	switch c {
	case RateLimitExceeded, Busy, Unavailable, Internal:
		return true
	}
	return false
}

// A CloseCode is the status of a close frame (RFC 6455 section 7.4).
type CloseCode uint16

// The close codes that a server of this project sends, and those of RFC 6455
// that a client meets. A code without "no reconnect" follows Reconnect.
const (
	// CloseNormal answers a client's own close.
	CloseNormal CloseCode = 1000
	// CloseGoingAway: the other end goes away, as a browser's page does.
	CloseGoingAway CloseCode = 1001
	// CloseProtocolError: the client broke RFC 6455; no reconnect.
	CloseProtocolError CloseCode = 1002
	// CloseInvalidUTF8: a text frame was not UTF-8; no reconnect.
	CloseInvalidUTF8 CloseCode = 1007
	// CloseMessageTooBig: over welcome.limits.message_bytes; no reconnect.
	CloseMessageTooBig CloseCode = 1009
	// CloseInternalError: the server failed.
	CloseInternalError CloseCode = 1011

	// CloseDrain: the server shuts down.
	CloseDrain CloseCode = 4000
	// CloseSlowConsumer: the client read too slowly.
	CloseSlowConsumer CloseCode = 4001
	// CloseTimeout: no frame after a ping, or a message not finished in time.
	CloseTimeout CloseCode = 4002
	// CloseOverloaded: the server is near its memory limit.
	CloseOverloaded CloseCode = 4004
	// CloseRebalance: this connection's share moves to another server.
	CloseRebalance CloseCode = 4005
	// CloseTooManyRequests: far over the command rate, or control frames.
	CloseTooManyRequests CloseCode = 4006
	// CloseBadRequest: a frame was no JSON object, or binary; no reconnect.
	CloseBadRequest CloseCode = 4500
	// CloseUnauthorized: the token is invalid, or has expired.
	CloseUnauthorized CloseCode = 4501
	// CloseConnectionLimit: this identity has too many connections; no
	// reconnect.
	CloseConnectionLimit CloseCode = 4503
	// CloseTooManyErrors: ten errors within a minute; no reconnect.
	CloseTooManyErrors CloseCode = 4506
)

// CloseCodes lists the close codes that PROTOCOL.md gives a meaning,
// ascending.
func CloseCodes() []CloseCode {
	return []CloseCode{
		CloseNormal, CloseGoingAway, CloseProtocolError, CloseInvalidUTF8, CloseMessageTooBig, CloseInternalError,
		CloseDrain, CloseSlowConsumer, CloseTimeout, CloseOverloaded, CloseRebalance, CloseTooManyRequests,
		CloseBadRequest, CloseUnauthorized, CloseConnectionLimit, CloseTooManyErrors,
	}
}

// A Reconnect is what a client does after a close.
type Reconnect string

// The reconnect rules.
const (
	// ReconnectBackoff: after a random part of a time that doubles with each
	// attempt (full jitter).
	ReconnectBackoff Reconnect = "backoff"
	// ReconnectAfterNotice: after the notice's reconnect_in_ms.
	ReconnectAfterNotice Reconnect = "after notice"
	// ReconnectWithNewToken: once the client has a new token.
	ReconnectWithNewToken Reconnect = "with a new token"
	// ReconnectNever: not by itself; it would be closed again.
	ReconnectNever Reconnect = "never"
)

// Reconnect is the rule for a client closed with c. It holds for every code,
// also for those that no constant names.
func (c CloseCode) Reconnect() Reconnect {
	switch c {
	case CloseDrain, CloseRebalance:
		return ReconnectAfterNotice
	case CloseUnauthorized:
		return ReconnectWithNewToken
	case CloseProtocolError, CloseInvalidUTF8, CloseMessageTooBig,
		CloseBadRequest, CloseConnectionLimit, CloseTooManyErrors:
		return ReconnectNever
	}
	return ReconnectBackoff
}

// Reason is a short text for the close frame when there is nothing more
// precise to say.
func (c CloseCode) Reason() string {
	switch c {
	case CloseNormal:
		return "closed"
	case CloseGoingAway:
		return "going away"
	case CloseProtocolError:
		return "protocol error"
	case CloseInvalidUTF8:
		return "text is not UTF-8"
	case CloseMessageTooBig:
		return "message too big"
	case CloseInternalError:
		return "internal error"
	case CloseDrain:
		return "server drains"
	case CloseSlowConsumer:
		return "slow consumer"
	case CloseTimeout:
		return "timed out"
	case CloseOverloaded:
		return "server overloaded"
	case CloseRebalance:
		return "rebalance"
	case CloseTooManyRequests:
		return "too many requests"
	case CloseBadRequest:
		return "not a JSON object"
	case CloseUnauthorized:
		return "token invalid or expired"
	case CloseConnectionLimit:
		return "connection limit for this identity"
	case CloseTooManyErrors:
		return "too many errors"
	}
	return ""
}

// MaxCloseReason is the room for a reason in a close frame, in bytes: a control
// frame carries 125, the code takes two (RFC 6455 section 5.5).
const MaxCloseReason = 123

// CloseReason cuts s to MaxCloseReason bytes between two runes; a close frame
// whose reason is not UTF-8 is a protocol error.
func CloseReason(s string) string { return cut(s, MaxCloseReason) }
