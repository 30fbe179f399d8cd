package audience

import "maps"

// Sent is the newest n of each channel so far. Whatever has a higher one is sent later.
func (f *Feed) Sent() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.ends)
}

// Behind is how many members have a channel of which nothing newer than its n has come to them. Channels without an n do not
// count.
func (c *Crowd) Behind(ns map[string]int64) (members int) {
	for _, m := range c.members {
		for _, channel := range c.o.Channels(m.number) {
			if n, fed := ns[channel]; fed && m.stream.Last(channel) <= n {
				members++
				break
			}
		}
	}
	return members
}

// Due is how many messages the members are to get of the records from one [Feed.Sent], exclusive, to a later one.
func (c *Crowd) Due(from, to map[string]int64) (messages int64) {
	for _, m := range c.members {
		for _, channel := range c.o.Channels(m.number) {
			messages += to[channel] - from[channel]
		}
	}
	return messages
}
