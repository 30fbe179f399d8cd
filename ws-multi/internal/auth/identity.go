package auth

import (
	"cmp"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// An Identity is what a token says about its bearer. It does not change after it
// is made: the connection's shard, and whoever renews its token, share it by
// pointer without a lock.
type Identity struct {
	Subject string    // the claim sub; empty only in Anybody
	Expires time.Time // the claim exp: from then on 4501; zero only in Anybody

	// A token without a channels claim allows everything, one with an empty list
	// nothing: so that no nil slice stands for either, everything says which.
	everything bool
	grants     []wire.Pattern // sorted by compare, each once
}

// Anybody is the identity of every client of a server that asks for no token.
var Anybody = &Identity{everything: true}

// NewIdentity is the identity of a token without a channels claim: it may
// subscribe to everything.
func NewIdentity(subject string, expires time.Time) Identity {
	return Identity{Subject: subject, Expires: expires, everything: true}
}

// Limited returns the identity cut down to the given patterns, those of a channels
// claim; with none of them it may subscribe to nothing.
func (id Identity) Limited(channels []wire.Pattern) Identity {
	id.everything = false
	id.grants = slices.Clone(channels)
	slices.SortFunc(id.grants, compare)
	id.grants = slices.Clip(slices.Compact(id.grants))
	return id
}

// Allows reports whether the identity may subscribe to p: one of its patterns
// covers p part by part, equal or `*`. A token may hold hundreds of patterns and a
// command hundreds of channels, and a shard checks them while all its connections
// wait: so it does not compare each with each, but looks for the only three
// patterns that can cover p.
func (id *Identity) Allows(p wire.Pattern) bool {
	return id.everything ||
		id.granted(p) ||
		id.granted(wire.Pattern{Symbol: "*", Event: p.Event}) ||
		id.granted(wire.Pattern{Symbol: p.Symbol, Event: "*"})
}

func (id *Identity) granted(p wire.Pattern) bool {
	_, found := slices.BinarySearchFunc(id.grants, p, compare)
	return found
}

func compare(a, b wire.Pattern) int {
	return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Symbol, b.Symbol))
}
