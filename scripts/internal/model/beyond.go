package model

import "fmt"

// beyond says what of an option was not measured.
func (v *Variant) beyond(o *Option) []string {
	const room = 1.05
	var all []string
	r := v.Range
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if o.Load.Connections*room < r.MinConnections {
		add("%s each (measured from %s)", Things(o.Load.Connections, "connection"), short(r.MinConnections))
	}
	if o.Load.Connections > room*r.MaxConnections {
		add("%s each (measured to %s)", Things(o.Load.Connections, "connection"), short(r.MaxConnections))
	}
	if sends := o.Load.Sends(v.Fetch); sends > room*r.MaxSends {
		add("%s sends/s each (measured to %s)", short(sends), short(r.MaxSends))
	}
	if each := o.CPU / float64(o.Instances*o.Cores); each > room*r.MaxCPU {
		add("planned %.2g of a core (measured to %.2g)", each, r.MaxCPU)
	}
	if o.Load.Deliveries() > room*r.MaxDeliveries {
		add("%s messages/s each (measured to %s)", short(o.Load.Deliveries()), short(r.MaxDeliveries))
	}
	if o.Load.Records > room*r.MaxRecords {
		add("%s records/s (measured to %s)", short(o.Load.Records), short(r.MaxRecords))
	}
	if f := o.reach; o.Load.Records > 0 && (f*room < r.MinFanOut || f > room*r.MaxFanOut) {
		add("a record for %s clients of an instance (measured %s to %s)", short(f), short(r.MinFanOut), short(r.MaxFanOut))
	}
	if o.Cores > r.MaxShards {
		add("%d shards (measured to %d)", o.Cores, r.MaxShards)
	} else if o.Cores > 1 && !v.measured(o.Load, o.Cores) {
		add("%d shards for this load (measured for others)", o.Cores)
	}
	if o.Each > 1 {
		add("%d instances on a machine (measured one by one)", o.Each)
	}
	if b := o.Total.Bytes; r.Bytes > 0 && (b > 1.5*r.Bytes || b < r.Bytes/1.5) {
		add("values of %s bytes (measured with %s)", short(b), short(r.Bytes))
	}
	if v.Memory != nil && o.Load.Connections > room*v.Memory.Most && v.Memory.Most < r.MaxConnections {
		add("memory at %s connections (read to %s)", short(o.Load.Connections), short(v.Memory.Most))
	}
	return all
}
