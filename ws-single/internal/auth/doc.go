// Package auth says who a client is and whether it may be here: its origin, its
// token, its address behind proxies (protocol.md, section 7).
//
// # The way of a handshake
//
//	ClientAddr        who is on the other end, through trusted proxies
//	Bearer            the token, from Authorization or the subprotocols
//	Verifier.Verify   the identity: subject, expiry, channels
//	Origins.Check     the page's origin; a verified token stands in for none
//
// A page's origin and an identity answer differently on purpose: an origin is
// refused with 403 before the upgrade, a token after it with close code 4501,
// which a browser can see.
//
// # Keys
//
// A [Verifier] with a JWKS URL runs one goroutine, which fetches the key set at
// start, every 15 minutes, and when a token names a key it does not know; Close
// stops it. Handlers only read the set it published. The server starts and goes
// on without the endpoint: keys once loaded stay until a new set arrives, and
// until the first set has arrived tokens are not refused as invalid but as not
// checkable now ([ErrUnavailable], to be answered with 503), because a client
// told 4501 would throw away a good token.
//
// "This key does not exist" is only said of a set fetched no longer than 5 s
// ago. So a rotated key works at once, and tokens with made-up key IDs cause one
// fetch in 5 s and otherwise cost nothing but their parsing.
package auth
