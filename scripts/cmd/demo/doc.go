// Command demo shows what the server does, on one machine, with nothing installed but Go and gcc: it starts an embedded
// broker, a market that is published to it, the real server binary, and a page that speaks to that server through a line
// which the page can cut and throttle.
//
//	market -> embedded broker -> ws-single (a process of its own) -> line -> the page's reference client
//
// run wires it, in that order, and takes it down in the other. The goroutines: the market's publisher, one that watches
// each server process, the HTTP server's, and two for each open line, one a direction. All of them end before run
// returns; a server process is killed with the demo, however that ends.
//
// The page's address serves:
//
//	GET  /                     the page, its script and the reference client
//	GET  /demo.json            what the page has to know of this demo
//	GET  /feed/last            n of the newest record of each channel: what a client with nothing missing has seen
//	GET  /ws?line=ID           the WebSocket, through the line ID
//	GET  /line/ID              the line's condition and the server it leads to
//	POST /line/ID/cut|slow|normal  ?seconds=N
//	POST /drain                start another server and drain the present one
package main
