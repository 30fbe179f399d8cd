// Package version tells what this program is: the VERSION file that the main
// package embeds, and what the build knows besides. It has no state.
package version
