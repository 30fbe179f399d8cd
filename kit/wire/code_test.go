package wire_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func TestErrorCodes(t *testing.T) {
	temporary := []wire.ErrorCode{"RATE_LIMIT_EXCEEDED", "BUSY", "UNAVAILABLE", "INTERNAL"}
	final := []wire.ErrorCode{"BAD_REQUEST", "UNKNOWN_TYPE", "CHANNEL_INVALID", "CHANNEL_LIMIT", "FORBIDDEN", "UNAUTHORIZED"}
	for _, code := range wire.ErrorCodes() {
		if code.Temporary() != slices.Contains(temporary, code) || code.Temporary() == slices.Contains(final, code) {
			t.Errorf("%s: temporary is %v", code, code.Temporary())
		}
	}
	if got, want := len(wire.ErrorCodes()), len(temporary)+len(final); got != want {
		t.Errorf("%d codes, want %d", got, want)
	}
}

func TestCloseCodes(t *testing.T) {
	want := map[wire.CloseCode]wire.Reconnect{
		1000: "backoff", 1001: "backoff", 1002: "never", 1007: "never", 1009: "never", 1011: "backoff",
		4000: "after notice", 4001: "backoff", 4002: "backoff", 4004: "backoff", 4005: "after notice", 4006: "backoff",
		4500: "never", 4501: "with a new token", 4503: "never", 4506: "never",
	}
	for _, code := range wire.CloseCodes() {
		if got := code.Reconnect(); got != want[code] {
			t.Errorf("%d: reconnect %q, want %q", code, got, want[code])
		}
		if reason := code.Reason(); reason == "" || len(reason) > wire.MaxCloseReason {
			t.Errorf("%d: reason %q", code, reason)
		}
	}
	if len(wire.CloseCodes()) != len(want) || !slices.IsSorted(wire.CloseCodes()) {
		t.Errorf("codes %v", wire.CloseCodes())
	}
	for _, other := range []wire.CloseCode{0, 1006, 1012, 3000, 4999} {
		if other.Reconnect() != wire.ReconnectBackoff || other.Reason() != "" {
			t.Errorf("%d: reconnect %q, reason %q", other, other.Reconnect(), other.Reason())
		}
	}
}

func TestCloseReason(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"short", "short"},
		{strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{strings.Repeat("é", 62), strings.Repeat("é", 61)},
		{strings.Repeat("x", 120) + "😀", strings.Repeat("x", 120)},
		{strings.Repeat("x", 119) + "😀", strings.Repeat("x", 119) + "😀"},
	}
	for _, test := range tests {
		got := wire.CloseReason(test.in)
		if got != test.want || !utf8.ValidString(got) {
			t.Errorf("CloseReason(%q) = %q", test.in, got)
		}
	}
}
