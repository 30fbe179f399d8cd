// Package admin is the admin listener's handler: metrics, health, version, drain,
// rebalance, pprof.
//
//	admin.go      what is here, and who may use it
//	rebalance.go  the parameters of /rebalance
//
// It stands apart from the public listener, on loopback unless configured. Reading
// the state is free; what does something or looks inside the process (POSTs, pprof)
// needs WS_ADMIN_TOKEN as soon as others can reach the listener.
//
// Its handlers run on net/http's goroutines, and read only what router and shards
// have published: it answers also when those do not, which is when it is needed
// most. It starts no goroutine and keeps no state.
package admin
