package shard

// allowance is a token bucket (as GCRA, ITU-T I.371) in eight bytes: the time at
// which it is full again, in us of the shard's clock.
type allowance int64

// take takes a token of an allowance of perSecond tokens a second, up to burst of
// them at once, and reports whether there was one.
func (a *allowance) take(now, perSecond, burst int64) bool {
	us := now * 1000
	interval := 1_000_000 / perSecond
	full := max(int64(*a), us) + interval
	if full > us+interval*burst {
		return false
	}
	*a = allowance(full)
	return true
}
