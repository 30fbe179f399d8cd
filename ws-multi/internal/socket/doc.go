// Package socket is everything between a TCP connection and a shard: accepting,
// the handshake, system calls on a descriptor, waiting for many of them at once,
// and the frames of RFC 6455 in both directions.
//
// The life of a connection, in file names:
//
//   - listen.go   accepted, with the kernel's buffers bounded, at a paced rate
//   - lobby.go    before its upgrade, when it may have to make room for others
//   - upgrade.go  the handshake, by gorilla/websocket; then the descriptor is taken
//     out of net/http and out of the runtime's poller
//   - fd.go       what is left of the connection: a number, and calls on it
//   - send.go     sending and receiving, raw and without blocking
//   - poller.go   one epoll set per shard: what is ready, sleeping, being woken
//   - frames.go   a client's bytes become messages (Frames, what holds them between
//     two reads: rest.go; a frame's header: header.go; UTF-8 and masks: text.go)
//   - frame.go    frames as the server writes them
//
// Who owns what: net/http's goroutine has a connection until Upgrade returns its
// FD. From then on the FD belongs to whoever got it, later to one shard, together
// with a Frames; no lock guards either. FD.Close frees the number, which the next
// accept uses again, so the owner forgets the FD before that and tells stale
// events of the Poller by the generation in their tag.
//
// A Poller is its shard's, but for Wake, which is anybody's.
//
// The package starts no goroutine. An idle connection holds its descriptor, the
// kernel's socket, and the 16 bytes of its Frames.
package socket
