// Package front is the public listener: /ws, where clients are let in, and
// /health, which load balancers ask. Nothing else is served there.
//
// A handshake is judged in the order of cost: the server's own state, the
// guard's counts, the origin, the token. What is refused before the upgrade gets
// a JSON body and Retry-After (protocol.md, section 2); a bad token is told after
// it, by a close code, because a browser cannot see a refused upgrade's status.
//
// Handlers run on net/http's goroutines, one a handshake, and end with it: the
// connection is the loop's then.
package front

// State is what the server is up to. Any goroutine may ask.
type State interface {
	// NotReady is nil when the server can serve clients, else why not.
	NotReady() error
	// Refusing is set once a draining server takes no more connections.
	Refusing() bool
}
