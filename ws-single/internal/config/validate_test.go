package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// The largest subscribe that a client can send fits in fullResume, and is
// nearly that large.
func TestFullResume(t *testing.T) {
	for _, channels := range []int{1, 256, 1000} {
		topics := []wire.Topic{{Name: "t", Event: strings.Repeat("e", 64)}, {Name: "u", Event: "trade"}}
		var data struct {
			Channels []string                 `json:"channels"`
			Cursor   map[string]wire.Position `json:"cursor"`
		}
		for i := range channels {
			data.Channels = append(data.Channels, fmt.Sprintf("%064d.%s", i, topics[0].Event))
		}
		data.Cursor = map[string]wire.Position{}
		for _, topic := range topics {
			at := make([]int64, assumedPartitions)
			for i := range at {
				at[i] = 1<<53 - 1
			}
			data.Cursor[topic.Event] = wire.Position{Log: "0123456789abcdef", At: at}
		}
		message, err := json.Marshal(map[string]any{"type": "subscribe", "id": strings.Repeat("i", 64), "data": data})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ParseCommand(message); err != nil {
			t.Fatalf("the message is none: %v", err)
		}
		size, bound := int64(len(message)), fullResume(channels, topics)
		if size > bound || bound-size > 100 {
			t.Errorf("%d channels: %d bytes, fullResume says %d", channels, size, bound)
		}
	}
}

func TestDerivedDefaults(t *testing.T) {
	h := testHost
	h.FileLimit, h.MemoryLimit = 1500, 2<<30
	c, err := h.load()
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxConnections != 1000 || c.sources["WS_MAX_CONNECTIONS"] != fromFileLimit {
		t.Errorf("connections %d, %s", c.MaxConnections, c.sources["WS_MAX_CONNECTIONS"])
	}
	if c.MemoryLimit != 2<<30 || c.sources["WS_MEMORY_LIMIT"] != fromCgroup {
		t.Errorf("memory %d, %s", c.MemoryLimit, c.sources["WS_MEMORY_LIMIT"])
	}
	c, err = h.load("--memory-limit=off", "--max-connections=off")
	if err != nil || c.MemoryLimit != 0 || c.MaxConnections != 0 {
		t.Errorf("off: %+v, %v", c, err)
	}
}
