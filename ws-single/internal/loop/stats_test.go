package loop

import (
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// Clients choose codes, and make no series by it.
func TestClosedCodes(t *testing.T) {
	s := newStats()
	series := len(s.byCode)
	for _, code := range []wire.CloseCode{wire.CloseDrain, socket.Abnormal, socket.NoStatus, 4999, 0} {
		s.closed(code)
	}
	if len(s.byCode) != series || s.byCode[wire.CloseDrain] != 1 || s.byCode[socket.Abnormal] != 1 || s.byCode[socket.NoStatus] != 3 {
		t.Errorf("got %v", s.byCode)
	}
}
