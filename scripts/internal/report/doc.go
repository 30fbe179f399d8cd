// Package report makes results of bench readable: Markdown for a pull request, one HTML page that needs nothing beside
// itself, and single pictures for a README.
//
// # From a result to a page
//
//	result.Result -> sane.go       a copy that holds only what can be shown
//	              -> sample.go     what is derived from a lane: means with their 95% intervals, ratios to the floor
//	              -> tables.go, overview.go
//	                               the figures as tables: one for each picture, for what has none, and for all of it
//	              -> limits.go, cost.go, latency.go, memory.go, storms.go, capacity.go, timeline.go
//	                               the pictures, on gonum's plot
//	              -> markdown.go   tables in Markdown
//	              -> page.go       tables and pictures in HTML, with page.tmpl and page.css
//	              -> picture.go    which pictures there are; one as a file
//
//	crossover.go which variant is cheaper, load by load, out of a model
//	verdict.go   verdicts and refusals in words
//	words.go     loads, limits and commands in words
//	format.go    numbers, as every table and picture writes them
//
// A result may be cut short, refused, or hold one lane only: what is not there is left out, and said where a reader would
// look for it.
//
// # Pictures
//
// chart.go has the canvas with its text and axes, lines.go curves with their names, rows.go the pictures that have a row
// a lane. gonum draws them; svg.go then rewrites its SVG, so that colors are classes which follow the reader's light or
// dark scheme, and text is anchored where it belongs whatever font there is. The page holds each picture twice, for a
// wide and for a narrow window, because text that shrinks with its picture cannot be read on a phone.
//
// A lane has the color of its server everywhere (palette.go); lanes of one server differ in their dashes.
//
// Nothing here starts a goroutine or touches the network.
package report
