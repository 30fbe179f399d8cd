package fault

import (
	"strconv"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

var linkFaults = []Fault{{
	Name: "link-silent",
	Did:  "the link to Kafka swallows every byte for 30 s, in both directions, and takes new connections all the same (toxiproxy)",
	Load: "1,000 clients, 50 records/s",
	Run: func(t *T) {
		b, link := t.brokerBehind()
		h := t.hall(b.Addr(), link.Addr)
		h.outage(30*time.Second, func() error {
			link.add("timeout", toxiproxy.Attributes{"timeout": 0})
			return nil
		}, func() error {
			link.replace()
			return nil
		})
		h.whole()
	},
}, {
	Name: "link-dropped", Short: true,
	Did:  "every packet to and from Kafka is dropped for 30 s (iptables, in a network namespace): nobody is told, nothing connects",
	Load: "1,000 clients, 50 records/s",
	Run: func(t *T) {
		t.InNamespace()
		b := t.BrokerWith(broker.Options{Second: &broker.Second{}})
		h := t.hall(b.Addr(), b.SecondAddr())
		var end func()
		h.outage(30*time.Second, func() error {
			end = t.Lose(b.SecondAddr(), 1)
			return nil
		}, func() error {
			end()
			return nil
		})
		h.whole()
	},
}, {
	Name: "link-lossy",
	Did:  "1% of the packets to and from Kafka are lost for 60 s (iptables, in a network namespace)",
	Load: "1,000 clients, 50 records/s",
	Run: func(t *T) {
		t.InNamespace()
		b := t.BrokerWith(broker.Options{Second: &broker.Second{}})
		h := t.hall(b.Addr(), b.SecondAddr())
		end := t.Lose(b.SecondAddr(), 0.01)
		h.endure(hardship{lasts: 60 * time.Second, small: 10 * time.Second, share: nearlyAll, notReady: recovers})
		t.Least("packets lost", float64(t.Lost()), 1, "")
		end()
		h.recovered(recovers)
		h.whole()
	},
}, {
	Name: "link-slow", Short: true,
	Did:  "the link to Kafka delays every byte by 200 ms in each direction for 60 s (toxiproxy)",
	Load: "1,000 clients, 50 records/s",
	Run: func(t *T) {
		b, link := t.brokerBehind()
		h := t.hall(b.Addr(), link.Addr)
		link.add("latency", toxiproxy.Attributes{"latency": slowness.Milliseconds()})
		h.endure(hardship{lasts: 60 * time.Second, small: 10 * time.Second, share: nearlyAll, notReady: recovers, late: slowness})
		link.heal()
		h.recovered(recovers)
		h.whole()
	},
}, {
	Name: "client-link-slow",
	Did:  "the clients' link delays every byte by 200 ms in each direction for 60 s (toxiproxy)",
	Load: "500 clients, 50 records/s",
	Run: func(t *T) {
		h, link := t.hallBehind(nil)
		h.fill(link.ws(), t.Count(500), oneOf(h.channels), 50, 100)
		link.add("latency", toxiproxy.Attributes{"latency": slowness.Milliseconds()})
		h.endure(hardship{lasts: 60 * time.Second, small: 5 * time.Second, share: nearlyAll, late: slowness})
		link.heal()
		h.recovered(recovers)
		h.whole()
	},
}, {
	Name: "client-link-cut", Short: true,
	Did:  "the clients' link is cut for 10 s: every connection is reset, new ones too (toxiproxy)",
	Load: "500 clients, 50 records/s",
	Run: func(t *T) {
		h, link := t.hallBehind(nil)
		h.fill(link.ws(), t.Count(500), oneOf(h.channels), 50, 100)
		link.add("reset_peer", toxiproxy.Attributes{"timeout": 0})
		t.Sleep(10 * time.Second)
		t.None("clients still connected", h.crowd.Subscribed())
		link.replace()
		back := time.Now()
		if err := h.crowd.AwaitAll(stage.Within(t)); err != nil {
			t.Error(err)
		}
		t.Most("all clients are back after the link was", Since(back), comeBack, "s")
		r := t.Complete(h.crowd, h.feed)
		t.All("resumes", r.Resumes, h.members)
		t.Saw("connections ended: %s; refused: %s", tally(r.Closes), tally(r.Refused))
	},
}, {
	Name: "client-link-narrow",
	Did:  "each client's link lets 8 KB/s through for 40 s, a tenth of what its channels bring (toxiproxy)",
	Load: "50 clients with 80 KB/s each",
	Run: func(t *T) {
		set := stage.Settings{"WS_MAX_BEHIND": "10s"}
		if t.Small {
			set["WS_MAX_BEHIND"] = "3s"
		}
		h, link := t.hallBehind(set)
		h.fill(link.ws(), t.Count(50), allOf(h.channels), 40, 2000)
		link.addTo("downstream", "bandwidth", toxiproxy.Attributes{"rate": 8})
		// A tenth can come. What waits in the link is far behind soon.
		h.endure(hardship{lasts: 40 * time.Second, small: 10 * time.Second, share: 0.05, late: time.Second})
		link.heal()
		h.recovered(comeBack) // each was closed for being slow
		r := t.Complete(h.crowd, h.feed)
		t.Sleep(1500 * time.Millisecond) // until the metrics have it
		// The clients need not see the close frame, behind what they did not get. A ping behind it is late, too (4002).
		slow := 0
		for _, code := range []wire.CloseCode{wire.CloseSlowConsumer, wire.CloseTimeout} {
			slow += int(h.server.Metric(t, "ws_connections_closed_total", "code", strconv.Itoa(int(code))))
		}
		t.None("connections ended for another reason than being slow", len(r.Ends)-slow)
		t.Saw("connections ended: %s; refused: %s; %d resumed", tally(r.Closes), tally(r.Refused), r.Resumes)
	},
}, {
	Name: "client-link-sliced", Short: true,
	Did:  "the clients' link brings every byte in slices of 16 to 48, one by one (toxiproxy)",
	Load: "200 clients, 50 records/s",
	Run: func(t *T) {
		h, link := t.hallBehind(nil)
		link.add("slicer", toxiproxy.Attributes{"average_size": 32, "size_variation": 16, "delay": 50})
		h.fill(link.ws(), t.Count(200), oneOf(h.channels), 50, 100)
		h.endure(hardship{lasts: 30 * time.Second, small: 5 * time.Second, share: nearlyAll})
		// Whole, an answer is in one packet. Slices that wait for each other in a busy kernel may go in one, too.
		t.Most("bytes in a packet, on the mean", link.packet(20), 2*48, "")
		h.whole()
	},
}}

// nearlyAll is the share of the messages that a bad link must bring when it is wide enough: all but those that are on their way.
const nearlyAll = 0.9

// slowness is how long a slow link delays every byte.
const slowness = 200 * time.Millisecond

// comeBack is how long clients may take to be back once they can: they wait for up to 5 s (P12.1), and may find it
// out late.
const comeBack = 15

// hallBehind opens a hall whose clients are to come by a link.
func (t *T) hallBehind(set stage.Settings) (*hall, *link) {
	h := t.open(t.Brokers, t.Brokers, set)
	return h, t.link("", h.server.Addr)
}
