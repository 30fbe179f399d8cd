// Package judge turns samples into a figure with an interval, and an interval and a limit into a verdict.
//
// Samples of servers compared side by side come in pairs: the turns of one round, seconds apart. What the machine does
// to one of a pair it does to the other, so the pairs' ratios are looked at, never the ratio of two means.
package judge
