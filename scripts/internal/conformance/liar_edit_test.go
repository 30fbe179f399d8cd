package conformance

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// everyTenth does something to the third data message and each tenth after; counts of the others are made to fit.
func everyTenth(do func(m *mouth, f wsFrame, say func(wsFrame))) lie {
	return lie{frame: func(m *mouth, f wsFrame, say func(wsFrame)) {
		if f.kind() == "message" {
			if m.seen++; m.seen%10 == 3 {
				do(m, f, say)
				return
			}
		}
		say(f.counted(m.shift))
	}}
}

// hiding is a lie that keeps something back.
func hiding(l lie) lie {
	l.cut = patience
	return l
}

// unreadable is a lie that the client cannot read: to a case it is as if the frames of that kind were kept back.
func unreadable(kind string, l lie) lie {
	return lie{cut: patience, frame: func(m *mouth, f wsFrame, say func(wsFrame)) {
		m.withheld = m.withheld || f.kind() == kind
		l.frame(m, f, say)
	}}
}

// swapTwo lets a message wait until after the next of its channel, once.
func swapTwo(m *mouth, f wsFrame, say func(wsFrame)) {
	waits := m.kept.payload != nil
	switch {
	case m.seen > 0 || f.kind() != "message" && !waits:
		say(f)
	case f.kind() == "message" && waits && channelField.FindString(string(f.payload)) == channelField.FindString(string(m.kept.payload)):
		say(f.counted(-1))
		say(m.kept.counted(1))
		m.seen++
	default:
		if waits {
			say(m.kept)
		}
		if m.kept = f; f.kind() != "message" {
			say(f)
			m.kept = wsFrame{}
		} else {
			m.withheld = true
		}
	}
}

var (
	seqField     = regexp.MustCompile(`^\{"seq":\d+ *,`)
	channelField = regexp.MustCompile(`"channel":"[^"]*"`)
	sentField    = regexp.MustCompile(`"sent":\d+`)
)

// counted is the frame with its count of data messages moved.
func (f wsFrame) counted(by int) wsFrame {
	switch f.kind() {
	case "message":
		return f.replace(seqField, func(m []byte) []byte {
			n, _ := strconv.Atoi(strings.TrimRight(string(m[7:]), " ,"))
			return fmt.Appendf(nil, `{"seq":%-16d,`, n+by)
		})
	case "pong", "bye":
		return f.replace(sentField, func(m []byte) []byte {
			n, _ := strconv.Atoi(string(m[7:]))
			return fmt.Appendf(nil, `"sent":%d`, n+by)
		})
	}
	return f
}

// twiceOver tells all of a kind twice.
func twiceOver(kind string) lie {
	return lie{frame: func(_ *mouth, f wsFrame, say func(wsFrame)) {
		say(f)
		if f.kind() == kind {
			say(f)
		}
	}}
}

// afterAll tells the last message once more, well counted, when its channel was given up.
func afterAll(m *mouth, f wsFrame, say func(wsFrame)) {
	say(f.counted(m.shift))
	switch f.kind() {
	case "message":
		m.kept = f
	case "unsubscription_ack":
		if m.kept.payload != nil {
			m.shift++
			say(m.kept.counted(m.shift))
		}
	}
}

// moved moves all offsets of a cursor.
func moved(kind string, by int) lie {
	offset := regexp.MustCompile(`-?\d+`)
	return edit(kind, `"cursor":.*?\}\}`, func(m []byte) []byte {
		return inLists.ReplaceAllFunc(m, func(list []byte) []byte {
			return offset.ReplaceAllFunc(list, func(m []byte) []byte {
				n, _ := strconv.Atoi(string(m))
				if n < 0 {
					return m
				}
				return strconv.AppendInt(nil, int64(n+by), 10)
			})
		})
	})
}

// inLists finds the lists of offsets; -1 is left as it is.
var inLists = regexp.MustCompile(`"at":\[[^\]]*\]`)

// edit changes what a pattern finds in all frames of a kind.
func edit(kind, pattern string, by func([]byte) []byte) lie {
	re := regexp.MustCompile(pattern)
	return lie{frame: func(_ *mouth, f wsFrame, say func(wsFrame)) {
		if f.kind() == kind {
			f = f.replace(re, by)
		}
		say(f)
	}}
}

// instead is edit with a constant.
func instead(kind, pattern, by string) lie {
	return edit(kind, pattern, func([]byte) []byte { return []byte(by) })
}

// number moves a numeric field.
func number(kind, field string, by int) lie {
	return edit(kind, `"`+field+`":-?\d+`, func(m []byte) []byte {
		n, _ := strconv.Atoi(string(m[len(field)+3:]))
		return fmt.Appendf(nil, `"%s":%d`, field, n+by)
	})
}

// leaveOut keeps back the frames of a kind.
func leaveOut(kind string) lie {
	return lie{frame: func(m *mouth, f wsFrame, say func(wsFrame)) {
		if f.kind() == kind {
			m.withheld = true
			return
		}
		say(f)
	}, cut: patience}
}

// without leaves out a header.
func without(name string) func(string) string {
	return func(line string) string {
		if strings.HasPrefix(strings.ToLower(line), strings.ToLower(name)+":") {
			return ""
		}
		return line
	}
}

// otherError tells an error code that is as temporary.
func otherError(code string) lie {
	other := wire.ErrorCode(code)
	for _, c := range wire.ErrorCodes() {
		if string(c) != code && c.Temporary() == wire.ErrorCode(code).Temporary() {
			other = c
		}
	}
	return instead("error", `"code":"`+code+`"`, fmt.Sprintf(`"code":%q`, other))
}

// otherClose tells the code's neighbour in close frames and byes.
func otherClose(code uint16) lie {
	other := uint16(wire.CloseRebalance)
	if code == other {
		other = uint16(wire.CloseDrain)
	}
	bye := regexp.MustCompile(fmt.Sprintf(`"code":%d\b`, code))
	return lie{frame: func(_ *mouth, f wsFrame, say func(wsFrame)) {
		if f.closeCode() == code {
			f.payload = slices.Clone(f.payload)
			binary.BigEndian.PutUint16(f.payload, other)
		}
		if f.kind() == "bye" {
			f = f.replace(bye, func([]byte) []byte { return fmt.Appendf(nil, `"code":%d`, other) })
		}
		say(f)
	}}
}
