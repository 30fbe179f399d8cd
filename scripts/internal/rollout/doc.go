// Package rollout moves clients between the two variants until each carries its share of the connections, step by step, and
// takes them back when the challenger is worse than the limits.
//
//	plan.go     what to do: the sides, the steps, the pace, from a file of YAML
//	limits.go   how bad the challenger may be, from deploy/limits.yml
//	shares.go   arithmetic: shares, the weights that make them, who is in excess
//	move.go     decides what to do now about a share that is not the target
//	figures.go  what Prometheus says of both sides
//	judge.go    holds that to the limits
//	site.go     the real servers, HAProxy and Prometheus
//	state.go    what survives a crash
//	run.go      the steps, one after the other
//	steps.go    what each moment of a step does
//	event.go    what happened, as words and as JSON
//	view.go     a terminal that shows it live
//	dry.go      what a rollout would do
//
// # How a share comes true
//
// A weight moves new connections only, and these live for days. So the side above its share is asked to send some of its
// clients away, at a paced rate, and their reconnects go where the weights point. Two counts are kept apart: the live one, from
// the servers' own gauges, which is the truth, and the one that HAProxy balances by, which lacks the tunnels of processes
// before its last reload. The weights while moving are those with which leastconn comes to rest at the target given what
// it knows: they point at the side below as hard as is needed, and stop by themselves, also if the rollout is no more.
//
// # Who runs
//
// [Run] is one loop in the caller's goroutine: it looks once a second, decides, acts, and writes its state before it goes
// on. Nothing else writes to [Site] or to the state's file. It starts no goroutine; whoever ends its context waits for it to
// return. Events go to the caller's function on that goroutine.
package rollout
