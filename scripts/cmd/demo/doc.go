// Command demo shows what the servers do, on one machine, with nothing installed but Go and gcc: it starts an embedded
// broker, a market that is published to it, the real server binary of each variant, and a page that speaks to those
// servers through lines which the page can cut, throttle, and turn from one server to the other.
//
//	                            +-> ws-single (a process of its own) -+
//	market -> embedded broker --+                                     +-- lines -- the page's reference clients
//	                            +-> ws-multi  (another)              -+
//
// run wires it, in that order, and takes it down in the other. The goroutines: the market's publisher, one that watches
// each server process, the board's, which reads the servers' figures, the HTTP server's, and two for each open line, one
// a direction. All of them end before run returns; a server process is killed with the demo, however that ends.
//
// The page's address serves:
//
//	GET  /                     the page, its script and the reference client
//	GET  /demo.json            what the page has to know of this demo
//	GET  /feed/last            n of the newest record of each channel: what a client with nothing missing has seen
//	GET  /servers              each server's figures over the last seconds
//	GET  /ws?line=ID           the WebSocket, through the line ID
//	GET  /line/ID              the line's condition and the server it leads to
//	POST /line/ID/cut|slow|normal  ?seconds=N
//	POST /line/ID/to/SERVER    new connections of the line go to this server
//	POST /drain                ?server=NAME: start another instance of it and drain the present one
package main
