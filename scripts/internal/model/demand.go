package model

// Demand is the load of all clients, and what of the log nobody wants.
type Demand struct {
	Load             // Records are all in the log; FanOut is the mean over them
	Reach    float64 // connections that a record reaches which somebody wants
	Channels float64 // that records are of; 0: not known
}

// DemandOf is one in which each of the connections gets so many messages a second, each record that somebody wants reaches
// so many of them, and the clients hold a channel each. More records than that are ones that nobody wants; fewer are not.
func DemandOf(connections, rate, reach, bytes, records float64) Demand {
	d := Demand{Load: LoadOf(connections, rate, reach, bytes)}
	d.Reach, d.Channels = d.FanOut, d.Connections/d.FanOut
	if records > d.Records {
		d.FanOut *= d.Records / records
		d.Records = records
	}
	return d
}

// Wanted is the records a second that somebody gets.
func (d Demand) Wanted() float64 { return d.Deliveries() / d.Reach }

// share is that of one of so many instances.
func (d Demand) share(instances float64) Demand {
	d.Load = d.Load.share(instances)
	d.Reach /= instances
	return d
}

// times is one of so many times the clients, who get as much of the same records.
func (d Demand) times(factor float64) Demand { return d.share(1 / factor) }
