package config

import (
	"fmt"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// list is items parted by commas. Two that are shown alike are a mistake.
type list[T any] struct {
	to     *[]T
	read   func(string) (T, error)
	show   func(T) string
	needed bool // at least one
}

// texts is a list of strings.
func texts(to *[]string, read func(string) (string, error)) list[string] {
	return list[string]{to: to, read: read, show: func(s string) string { return s }}
}

func (v list[T]) Set(text string) error {
	if strings.TrimSpace(text) == "" {
		*v.to = nil
		return nil
	}
	var items []T
	seen := map[string]bool{}
	for piece := range strings.SplitSeq(text, ",") {
		piece = strings.TrimSpace(piece)
		if piece == "" {
			return &fault{"an item is empty", "part the items by single commas"}
		}
		item, err := v.read(piece)
		if err != nil {
			if piece == strings.TrimSpace(text) {
				return err
			}
			return fmt.Errorf("%s: %w", legible(piece), err)
		}
		if shown := v.show(item); seen[shown] {
			return &fault{legible(piece) + " stands there twice", "leave one out"}
		} else {
			seen[shown] = true
		}
		items = append(items, item)
	}
	*v.to = items
	return nil
}

func (v list[T]) String() string {
	shown := make([]string, 0, len(*v.to))
	for _, item := range *v.to {
		shown = append(shown, v.show(item))
	}
	return strings.Join(shown, ",")
}

func (v list[T]) Form() string    { return "LIST" }
func (v list[T]) emptiable() bool { return !v.needed }

// topics is the kit's list of topic=event.
type topics struct{ to *[]wire.Topic }

func (v topics) Set(text string) error {
	read, err := wire.ParseTopics(text)
	if err != nil {
		return &fault{why: err.Error()}
	}
	*v.to = read
	return nil
}

func (v topics) String() string {
	entries := make([]string, 0, len(*v.to))
	for _, t := range *v.to {
		entries = append(entries, t.Name+"="+t.Event)
	}
	return strings.Join(entries, ",")
}

func (v topics) Form() string { return "LIST" }

func readEvent(text string) (string, error) {
	if !wire.ValidEvent(text) {
		return "", &fault{"not an event", "write 1 to 64 of A-Z, a-z, 0-9, _ and -"}
	}
	return text, nil
}

// properties is name=value,… for librdkafka; which names it takes, the kafka
// package says. In a value \, is a comma and \\ a backslash.
type properties struct{ to *Properties }

func (v properties) Set(text string) error {
	if strings.TrimSpace(text) == "" {
		*v.to = nil
		return nil
	}
	if _, err := readLine(text); err != nil {
		return err
	}
	read := Properties{}
	for i, pair := range splitPairs(text) {
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		_, twice := read[name]
		switch {
		case !found:
			// The item is not repeated: what has no name may be a password.
			return &fault{fmt.Sprintf("item %d has no =", i+1), `write name=value,name=value with a comma in a value as \,`}
		case !propertyName(name):
			return &fault{fmt.Sprintf("item %d has no name before its =", i+1), "write name=value,name=value with librdkafka's names"}
		case twice:
			return &fault{name + " stands there twice", "leave one out"}
		}
		read[name] = strings.TrimSpace(value)
	}
	*v.to = read
	return nil
}

func (v properties) String() string { return v.to.String() }
func (properties) Form() string     { return "LIST" }
func (properties) emptiable() bool  { return true }
func (properties) confidential()    {}

func propertyName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// splitPairs cuts at commas that no backslash escapes, and unescapes.
func splitPairs(text string) []string {
	pairs := []string{""}
	for rest := text; rest != ""; {
		last := &pairs[len(pairs)-1]
		switch {
		case strings.HasPrefix(rest, `\,`), strings.HasPrefix(rest, `\\`):
			*last += rest[1:2]
			rest = rest[2:]
		case rest[0] == ',':
			pairs = append(pairs, "")
			rest = rest[1:]
		default:
			*last += rest[:1]
			rest = rest[1:]
		}
	}
	return pairs
}
