package variant

import (
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
)

// RSS is the resident memory of the process, in bytes.
func (s *Server) RSS() (int64, error) { return machine.RSS(s.PID) }

// CPU is the CPU time the process has used, all threads, user and system.
func (s *Server) CPU() (time.Duration, error) { return machine.ProcessCPU(s.PID) }
