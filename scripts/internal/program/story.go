package program

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// story tells the last entries, for a reader who wants to know how it came to that. Of messages in a row it tells the first and the last.
func story(entries []Entry, most int) string {
	var lines []string
	for i := len(entries) - 1; i >= 0 && len(lines) < most; i-- {
		if i > 0 && i < len(entries)-1 && isMessage(entries[i-1]) && isMessage(entries[i]) && isMessage(entries[i+1]) {
			if lines[len(lines)-1] != "\t…" {
				lines = append(lines, "\t…")
			}
			continue
		}
		lines = append(lines, fmt.Sprintf("\t%d %v %s", i+1, entries[i].At.Round(time.Microsecond), entries[i]))
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

func isMessage(e Entry) bool {
	return e.Sent == nil && bytes.HasPrefix(e.Came, []byte(`{"seq"`))
}

func (e Entry) String() string {
	if e.Sent != nil {
		b, err := e.Sent.encode()
		if err != nil {
			return "sent " + err.Error()
		}
		return "sent " + string(b)
	}
	return "got " + short(e.Came)
}

// decode reads a frame strictly: a field that the protocol does not name is a fault, not a missing one.
func decode(raw []byte) (*check.Frame, error) {
	f := &check.Frame{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	f.Raw = raw
	return f, nil
}

func short(b []byte) string {
	const most = 300
	rest := ""
	if len(b) > most {
		b, rest = b[:most], fmt.Sprintf("… (%d bytes)", len(b))
	}
	if strings.ContainsFunc(string(b), func(r rune) bool { return r < ' ' || r == utf8.RuneError }) {
		return fmt.Sprintf("%q%s", b, rest)
	}
	return string(b) + rest
}
