// Package kubernetes holds the tests of deploy/kubernetes: that its overlays are what a cluster takes, that what they name
// exists, and that the servers do what the manifests rest on.
//
//	overlay_test.go    the overlays, built by kustomize, and the parts of them that tests look at
//	schema_test.go     each object against the schema of its kind, in the oldest and the newest Kubernetes
//	validate_test.go   the validators: kubernetes-validate in a virtual environment, and the Gateway API's own definition
//	names_test.go      what objects say of each other, of the images and of the metrics
//	confined_test.go   what the pods may do
//	serve_test.go      the servers, started with what a pod gives them: their probes, preStop and SIGTERM
//
// A cluster is not needed, and there is none: what only one can show (scheduling, a gateway's behaviour, the autoscaler's) is
// not tested.
package kubernetes
