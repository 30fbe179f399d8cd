package fault

import (
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// flows holds that records come to a crowd all the time until over, which is asked again and again, and then still do.
func (t *T) flows(crowd *audience.Crowd, when string, over func() bool) {
	came, last, longest := crowd.Report().Received, time.Now(), time.Duration(0)
	stop := t.every(50*time.Millisecond, func() {
		longest = max(longest, time.Since(last))
		if n := crowd.Report().Received; n > came {
			came, last = n, time.Now()
		}
	})
	for !over() {
		t.Sleep(50 * time.Millisecond)
	}
	before := crowd.Report().Received
	stage.Eventually(t, "records to flow while "+when, func() bool {
		return crowd.Report().Received >= before+int64(crowd.Subscribed())
	})
	stop()
	t.held("longest time without records while "+when, longest.Seconds(), 2, "s")
}
