package fault

import (
	"time"
)

var brokerFaults = []Fault{{
	Name: "broker-killed", Short: true,
	Did:  "the broker is killed (SIGKILL) and started again after 10 s",
	Load: "1,000 clients, 50 records/s",
	Run: func(t *T) {
		b := t.Broker()
		h := t.hall(b.Addr(), b.Addr())
		h.outage(10*time.Second, b.Kill, func() error { return b.Restart(t.Context) })
		h.whole()
	},
}, {
	Name: "broker-stopped", Short: true,
	Did:  "the broker is stopped (SIGSTOP) for 30 s: its connections stay open, and nothing answers",
	Load: "1,000 clients, 50 records/s",
	Run: func(t *T) {
		b := t.Broker()
		h := t.hall(b.Addr(), b.Addr())
		h.outage(30*time.Second, b.Freeze, b.Thaw)
		h.whole()
	},
}}
