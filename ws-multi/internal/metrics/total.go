package metrics

import (
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/shard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// total is the sum of snapshots: what belongs to a shard alone stays zero in it.
type total struct{ shard.Snapshot }

// newTotal knows every close code already. A series that begins with its first
// event shows no increase at that event, and an alert on it would miss the first.
func newTotal() *total {
	t := new(total)
	t.ClosedByCode = map[wire.CloseCode]uint64{socket.NoStatus: 0, socket.Abnormal: 0}
	for _, code := range wire.CloseCodes() {
		t.ClosedByCode[code] = 0
	}
	t.Commands = make(map[shard.CommandResult]uint64)
	return t
}

func (t *total) add(s *shard.Snapshot) {
	t.Connections += s.Connections
	t.Behind += s.Behind

	t.Opened += s.Opened
	t.Sent += s.Sent
	t.BytesSent += s.BytesSent
	t.Merged += s.Merged
	t.Replayed += s.Replayed
	t.Recovered += s.Recovered
	t.LostResumes += s.LostResumes

	for code, n := range s.ClosedByCode {
		t.ClosedByCode[code] += n
	}
	for command, n := range s.Commands {
		t.Commands[command] += n
	}
	if s.Latency.Counts != nil { // else it has no bounds to add by
		t.Latency.Add(s.Latency)
	}
}
