// Package auth answers three questions about a handshake: may a page of this
// origin connect, who does the token say it is, and from which address does it
// come (protocol.md, section 7).
//
//	origins.go   Origins: the allow-list of WS_ALLOWED_ORIGINS
//	token.go     Bearer: where a handshake carries its token
//	verify.go    Verifier: from a token to an Identity, or to a refusal
//	identity.go  Identity: what a connection may subscribe to
//	keys.go      the issuer's public keys, fetched and kept
//	addr.go      ClientAddr: through trusted proxies to the client
//
// # Who runs what
//
// Everything here is called by many goroutines at once, handshakes and shards,
// and nothing on their way takes a lock: origins and identities never change
// after they are made, and the keys are an immutable value behind an atomic
// pointer, as all that is shared in this variant.
//
// A Verifier with a key set URL has one goroutine, the only one that fetches and
// publishes keys. NewVerifier starts it; Close, or the end of its context, stops
// it and Close waits for that.
//
// # May a shard verify
//
// [Verifier.Verify] may wait for the network, so a shard never calls it. It calls
// [Verifier.Try], which judges with the keys at hand, in tens of microseconds at
// most, and answers [ErrWouldWait] in the rare case that only a fetch can decide;
// then the shard has another goroutine call Verify.
//
// # Two ways to fail
//
// A token that is bad stays bad: [ErrInvalid]. A token whose key cannot be had now
// may be a good one: [ErrUnavailable]; its client must not be told to throw it
// away. "There is no such key" is therefore only said while the key set is younger
// than keysSettled. That also bounds what made-up key IDs can cause: one fetch in
// that time, whoever asks.
package auth
