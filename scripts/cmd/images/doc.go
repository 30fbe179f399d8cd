// Command images builds the images of deploy/compose with buildah, without Docker, and tries them as a container engine would
// run them.
//
//	main.go      the command line
//	image.go     which images there are, by deploy/compose; what buildah says of one
//	buildah.go   buildah
//	bases.go     base images made of Debian's packages, where none can be pulled
//	confined.go  a program in an image's files: nobody's user, no capability, a root that cannot be written
//	try.go       a real broker, and the images' programs: version, health check, a message from publisher to client, drain
//	report.go    what came of it
//
// Everything runs on the calling goroutine; servers are processes of their own, killed when this one dies.
package main
