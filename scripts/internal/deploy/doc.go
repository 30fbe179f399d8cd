// Package deploy holds the tests of how the servers are deployed: that the units of
// deploy/systemd and the images need no privileges, and that the servers can do
// without.
//
//	unit_test.go      the units, judged by systemd's own tools
//	image_test.go     the Dockerfiles
//	confined_test.go  a server as nobody, without capabilities, on a read-only root
package deploy
