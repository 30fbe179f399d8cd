// Package model says what a load costs that was not measured, from loads that were: how much CPU time and memory each
// variant takes for it, on how many instances, and what breaks first.
//
//	load.go     a load, and what of it costs something
//	points.go   measured points, out of results of bench
//	fit.go      costs that explain the points, all of them at least 0
//	shards.go   what more shards take than one
//	memory.go   a line through readings of memory, and how far off it is of one that it does not know
//	heldout.go  how far costs are off of loads they were not fitted to
//	model.go    what was fitted, and its file
//	predict.go  what an instance takes for a share of a load
//	plan.go     how many instances, and what breaks first
//	crossover.go  which variant is cheaper, load by load
//
// A cost is what one send(2), one message, one record, one wake-up, one second of an idle connection and one second of an
// idle process take. That is less than all there is: caches, and a kernel that gets slower with more sockets, are in the error that
// each model tells. Costs are those of one machine, at the cost of a send that its floor had; a model knows which.
//
// Nothing here runs a goroutine or measures anything. All functions may be called from any goroutine.
package model
