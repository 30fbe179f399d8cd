// Package fault does to the servers what the world does: it kills and stops brokers, cuts links, drowns the server in
// clients that misbehave, takes its memory, files and disk away, and looks at what clients see of it. Each fault has limits,
// which are figures, and is done alike to each variant.
//
//	fault.go    a fault, and the list of all
//	t.go        what a fault is given: servers, brokers, limits to hold
//	run.go      runs faults, one at a time
//	namespace.go one in a process and a network of its own
//	report.go   what came of them, both variants side by side
//
// The faults, a file each kind:
//
//	broker.go   the broker dies, stops, comes back
//	link.go     the link to it is cut, black-holed, slow, loses packets
//	link_proxy.go a link through toxiproxy
//	link_hall.go  what is done alike to all of these: an outage or a hardship, and after it
//	log.go      the log itself changes: records deleted, topics made anew, partitions added
//	log_compacted.go  and compacted
//	log_entries.go    what a partition holds, as a reader of its own sees it
//	server.go   the server is killed, drained, moved from, stormed
//	server_changed.go clients change the server in the middle of a replay
//	server_stormed.go ten thousand connections are cut and come back
//	server_watch.go   what a server's process uses
//	slow.go     clients that stop reading, or drip
//	slow_sockets.go   the kernel's table of sockets, to see the server's side of a connection
//	slow_opening.go   handshakes and messages that are not brought to their end
//	flood.go    clients that send too much, or what no client should
//	flood_frames.go   the frames that no client should send
//	identity.go origins, forged headers
//	identity_tokens.go tokens, their keys, and what becomes of both
//	host.go     the clock, memory
//	host_disk.go  the disk that the log is written to
//	host_files.go descriptors
//	host_flow.go  whether records flow meanwhile
//	soak.go     hours in little
//
// Everything here is real: the broker, the sockets, the proxy between (toxiproxy), the kernel's packet filter. A fault that
// cannot be made on a machine says so, and counts as not run.
package fault
