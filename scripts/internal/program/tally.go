package program

import (
	"github.com/adred-codev/ws_poc/kit/wire"
)

// Tally counts what a transcript holds.
type Tally struct {
	Connections, Commands, Messages, Replayed, Merged int
	Resumes, Slow, Waits                              int // resumes on a new connection; closes with 4001; UNAVAILABLE
}

// Count counts what a transcript holds, for those who want to know whether what they check ever happens.
func Count(t Transcript) Tally {
	var sum Tally
	for _, c := range t.Clients {
		for _, conn := range c.Conns {
			sum.Connections++
			if conn.Code == int(wire.CloseSlowConsumer) {
				sum.Slow++
			}
			merged := 0
			for _, e := range conn.Entries {
				if e.Sent != nil {
					sum.Commands++
					if e.Sent.Own {
						sum.Resumes++
					}
					continue
				}
				f, err := decode(e.Came)
				switch {
				case err != nil:
				case f.Type == "message":
					sum.Messages++
				case f.Type == "replay_complete":
					sum.Replayed += int(f.Replayed)
				case f.Type == "pong":
					merged = int(f.Merged)
				case f.ErrorCode() == string(wire.Unavailable):
					sum.Waits++
				}
			}
			sum.Merged += merged
		}
	}
	return sum
}
