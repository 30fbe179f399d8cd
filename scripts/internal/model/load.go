package model

import (
	"fmt"
	"math"
)

// Load is what clients ask for, of one instance or of all together.
type Load struct {
	Connections float64 `json:"connections"` // held
	Records     float64 `json:"records"`     // a second, read from Kafka by each instance
	FanOut      float64 `json:"fan_out"`     // connections that a record reaches, on average
	Burst       float64 `json:"burst"`       // records at once; 1: one by one
	Bytes       float64 `json:"bytes"`       // of a record's value
}

// LoadOf is one in which each of the connections gets so many messages a second.
func LoadOf(connections, rate, fanOut, bytes float64) Load {
	fanOut = min(fanOut, connections)
	return Load{Connections: connections, Records: connections * rate / fanOut, FanOut: fanOut, Burst: 1, Bytes: bytes}
}

// Deliveries is how many messages a second go out.
func (l Load) Deliveries() float64 { return l.Records * l.FanOut }

// Sends is how many sends a second that is, where what comes within fetch seconds goes out together.
func (l Load) Sends(fetch float64) float64 { return l.Deliveries() / l.joined(fetch) }

// Rate is how many messages a second a client gets.
func (l Load) Rate() float64 { return l.Deliveries() / max(l.Connections, 1) }

// share is the part of one of so many instances: its part of the clients, and all of the records.
func (l Load) share(instances float64) Load {
	l.Connections /= instances
	l.FanOut /= instances
	return l
}

// wakes is how often a second a server has something to do, where a fetch from Kafka takes fetch seconds: what comes
// meanwhile comes with the next one.
func (l Load) wakes(fetch float64) float64 {
	events := l.Records / max(l.Burst, 1)
	return events / (1 + events*fetch)
}

// joined is how many messages go into one send: those for one client of the records that come together.
func (l Load) joined(fetch float64) float64 {
	if l.Records == 0 {
		return 1
	}
	together := l.Records / l.wakes(fetch)
	return max(1, together*l.FanOut/max(l.Connections, 1))
}

// Features of a load: how often a second each cost is due.
const (
	sends = iota
	messages
	records
	wakes
	idle
	base
	walks
	features
)

// features are those of an instance with so many shards, each of which is woken for what comes and goes through all
// records: what one shard has of that is in a record's cost.
func (l Load) features(fetch float64, shards int) [features]float64 {
	var x [features]float64
	x[messages] = l.Deliveries()
	x[sends] = l.Sends(fetch)
	x[records] = l.Records
	x[wakes] = l.wakes(fetch) * float64(max(shards, 1))
	x[idle] = l.Connections
	x[base] = 1
	x[walks] = l.Records * float64(max(shards, 1)-1)
	return x
}

func (l Load) String() string {
	s := fmt.Sprintf("%.0f connections, %.4g records/s to %.4g each", l.Connections, l.Records, l.FanOut)
	if l.Burst > 1 {
		s += fmt.Sprintf(", %.0f at once", l.Burst)
	}
	return s
}

// alike says whether loads are the same one, but for what a run leaves to chance.
func (l Load) alike(o Load) bool { return l.near(o, 1.05) }

// near says whether none of a load's figures is more than so many times another's.
func (l Load) near(o Load, by float64) bool {
	near := func(a, b float64) bool { return a == b || a > 0 && b > 0 && math.Abs(math.Log(a/b)) <= math.Log(by) }
	return near(l.Connections, o.Connections) && near(l.Records, o.Records) && near(l.FanOut, o.FanOut) && near(l.Burst, o.Burst)
}
