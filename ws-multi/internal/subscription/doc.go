// Package subscription is one shard's index: who wants which channel.
//
// There are three kinds of keys, one for each form of a pattern, so that a
// connection pays for what it asked and not for what that comes to:
//
//	BTC.trade   a channel, held in the history's registry while the shard has a
//	            subscriber of it, listed by the channel's number
//	*.trade     an event, listed by its index
//	BTC.*       a symbol, listed by its name; no channel is held for it
//
// A record's subscribers are up to three lists, and a connection may be in more
// than one of them. Nothing here is shared between shards: an Index and its Sets
// belong to their shard's goroutine.
package subscription
