package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// The parts of a data message (P5.1). What follows the seq field is its body, the same bytes for everybody.
const (
	messageBegins = `{"seq":`
	channelField  = `"type":"message","channel":"`
	posField      = `","pos":"`
	tsField       = `","ts":`
)

// place is where a message says that its record is.
type place struct {
	event     string
	partition int32
	offset    int64
}

func (p place) String() string { return fmt.Sprintf("%s/%d:%d", p.event, p.partition, p.offset) }

// parts are what a body says. They are found by their place in the text and not by reading it as JSON: a message of which a
// byte was changed must be known for what it was, also when it is no JSON any more.
type parts struct {
	channel []byte // as it stands between the quotes
	pos     []byte
	ts      []byte
}

func partsOf(body []byte) (p parts, ok bool) {
	if len(body) < len(channelField) {
		return p, false
	}
	// The field's name need not be whole: what is before the name of the channel has always the same length.
	rest := body[len(channelField):]
	// No channel has this in it: a quote in a symbol stands behind a backslash.
	end := bytes.Index(rest, []byte(posField))
	if end < 0 {
		return p, false
	}
	p.channel, rest = rest[:end], rest[end+len(posField):]
	if end = bytes.IndexByte(rest, '"'); end < 0 {
		return p, false
	}
	p.pos, rest = rest[:end], rest[end:]
	if after, found := bytes.CutPrefix(rest, []byte(tsField)); found {
		if end = bytes.IndexByte(after, ','); end >= 0 {
			p.ts = after[:end]
		}
	}
	return p, true
}

// readPlace splits pos, `event/partition:offset`.
func readPlace(pos []byte) (p place, ok bool) {
	event, rest, ok1 := strings.Cut(string(pos), "/")
	partition, offset, ok2 := strings.Cut(rest, ":")
	n, err1 := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	return place{event, int32(n), o}, ok1 && ok2 && err1 == nil && err2 == nil && n >= 0 && o >= 0
}

// channel is one of the log's channels, or one that a message made up.
type channel struct {
	name    string
	watches uint64 // those that match it, by bit
}

func (c *channel) in(watch int) bool { return c.watches&(1<<watch) != 0 }

// mostWatches is how many a channel has bits for.
const mostWatches = 64

// channels are all that were named so far. Its methods may be called from any goroutine.
type channels struct {
	watches [][]wire.Pattern

	mu  sync.RWMutex
	all map[string]*channel // by the text in a message
}

func newChannels(watches []Watch) (*channels, error) {
	if len(watches) > mostWatches {
		return nil, fmt.Errorf("%d watches, and %d are the most", len(watches), mostWatches)
	}
	c := &channels{all: map[string]*channel{}}
	for _, w := range watches {
		var patterns []wire.Pattern
		for _, text := range w.Patterns {
			p, err := wire.ParsePattern(text)
			if err != nil {
				return nil, fmt.Errorf("watch %s: %w", w.Name, err)
			}
			patterns = append(patterns, p)
		}
		c.watches = append(c.watches, patterns)
	}
	return c, nil
}

// of is the channel of that text, which is as a message has it.
func (c *channels) of(text []byte) *channel {
	c.mu.RLock()
	ch := c.all[string(text)]
	c.mu.RUnlock()
	if ch != nil {
		return ch
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch = c.all[string(text)]; ch != nil {
		return ch
	}
	ch = &channel{name: string(text)}
	var plain string
	if json.Unmarshal([]byte(`"`+ch.name+`"`), &plain) == nil {
		ch.name = plain
	}
	if symbol, event, ok := strings.Cut(ch.name, "."); ok {
		for i, patterns := range c.watches {
			for _, p := range patterns {
				if p.Matches(symbol, event) {
					ch.watches |= 1 << i
				}
			}
		}
	}
	c.all[string(text)] = ch
	return ch
}
