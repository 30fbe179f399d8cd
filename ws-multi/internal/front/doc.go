// Package front is the public listener's handler: GET /ws lets clients in, GET
// /health tells load balancers how the server is. Nothing else is there.
//
//	front.go      what is asked for, and what there is
//	handshake.go  the judgement of one handshake, and its hand-over
//	refusal.go    refusals: counted all, logged now and then
//	health.go     the body of /health
//
// A handshake runs on its own net/http goroutine from the first byte to the hand-over,
// in parallel with all others and apart from the shards; what is judged here costs
// no shard any time. After Options.Take the connection is a shard's, the goroutine
// ends, and nothing here refers to it any more.
//
// # Order
//
// The cheap and general first, the dear and particular last:
//
//	is the server taking clients   503 draining, 503 not_ready
//	has it room                    503 or 429, from the guard; a place is taken
//	may this page connect          403 origin
//	who is it                      4501, or 503 if nobody can tell now
//	may this one have another      4503
//
// A refusal is an HTTP answer with a JSON body and Retry-After as long as it is
// temporary (protocol.md, section 2). What a client has to do something about, a new
// token or fewer connections, is said by a close code after the upgrade: a browser
// shows its page no status of a refused handshake, so the page would try for ever.
//
// A place taken from the guard is given back by whoever ends up with the connection:
// the shard, or, for all that are not handed over, the handshake, also if it panics.
package front
