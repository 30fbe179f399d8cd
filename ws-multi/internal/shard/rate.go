package shard

// allowance is a token bucket (as GCRA, ITU-T I.371) in eight bytes: the time at
// which it is full again, in us of the shard's clock.
type allowance int64

// take takes a token of an allowance of perSecond tokens a second, up to burst of
// them at once, and reports whether there was one. Of what was credited it gives
// as long as the clock says so.
func (a *allowance) take(c *clock, perSecond, burst int64) bool {
	us := c.now * 1000
	interval := 1_000_000 / perSecond
	full := max(int64(*a), us-c.excess*1000) + interval
	if full > us+interval*burst {
		return false
	}
	*a = allowance(full)
	return true
}

// credit adds the tokens of a time, ms, that has come to the clock's excess.
func (a *allowance) credit(c *clock, ms int64) {
	*a = allowance(max(int64(*a), (c.now-c.excess+ms)*1000) - ms*1000)
}

// forgive gives all clients what they were due while the clock stood still: what
// they sent meanwhile is read all at once.
func (s *Shard) forgive(ms int64) {
	for _, c := range s.conns {
		if c != nil {
			c.commands.credit(&s.clock, ms)
			c.flood.credit(&s.clock, ms)
			c.controls.credit(&s.clock, ms)
		}
	}
}
