// Command bench says how much a delivered message costs, how late it is, how many clients fit, and compared to what.
//
// It is the command line of internal/measure: run.go and compare.go choose what is measured, capacity.go searches the
// highest load, report.go shows results; outcome.go keeps and prints them, progress.go is the line that moves
// meanwhile, cores.go puts the whole of it on the cores that the servers do not have. And that of internal/model: fit.go
// measures what a model is fitted to, map.go and plan.go say what follows for loads that were not measured.
package main
