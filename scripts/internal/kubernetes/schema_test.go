package kubernetes

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// parted is an overlay's objects of Kubernetes' own kinds, and its routes.
func parted(all []object) (own, routes []object) {
	for _, o := range all {
		if o.APIVersion == "gateway.networking.k8s.io/v1" && o.Kind == "HTTPRoute" {
			routes = append(routes, o)
		} else {
			own = append(own, o)
		}
	}
	return own, routes
}

func TestSchemas(t *testing.T) {
	for _, overlay := range slices.Sorted(maps.Keys(overlays)) {
		t.Run(overlay, func(t *testing.T) {
			own, routes := parted(build(t, overlay))
			for _, version := range clusters {
				if err := validate(t, version, own); err != nil {
					t.Errorf("Kubernetes %s: %v", version, err)
				}
			}
			if len(routes) != 1 {
				t.Fatalf("it has %d routes, want one", len(routes))
			}
			if err := validateRoute(t, routes[0]); err != nil {
				t.Errorf("Gateway API %s: %v", gatewayAPIAt, err)
			}
		})
	}
}

// What is wrong is found, in each kind.
func TestSchemasRefuse(t *testing.T) {
	own, routes := parted(build(t, "edge"))
	for _, wrong := range []struct{ kind, have, want string }{
		{"Deployment", "enableServiceLinks:", "enableServiceLink:"},
		{"Deployment", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 45s"},
		{"Deployment", "path: /readyz", "url: /readyz"},
		{"Service", "targetPort: ws", "targetPorts: ws"},
		{"PodDisruptionBudget", "maxUnavailable: 1", "atMostUnavailable: 1"},
		{"HorizontalPodAutoscaler", "maxReplicas: 10", "maxReplicas: ten"},
		{"HorizontalPodAutoscaler", "autoscaling/v2", "autoscaling/v3"},
		{"HTTPRoute", "weight: 100", "weight: -1"},
		{"HTTPRoute", "weight: 100", "share: 100"},
		{"HTTPRoute", "type: Exact", "type: Glob"},
		{"HTTPRoute", "request: 0s", "request: 0"},
	} {
		var found object
		for _, o := range slices.Concat(own, routes) {
			if o.Kind == wrong.kind {
				found = o
			}
		}
		text := found.text(t)
		changed := strings.Replace(text, wrong.have, wrong.want, 1)
		if text == changed {
			t.Fatalf("%s has no %q:\n%s", wrong.kind, wrong.have, text)
		}
		objects := read(t, changed)
		var err error
		if wrong.kind == "HTTPRoute" {
			err = validateRoute(t, objects[0])
		} else {
			err = validate(t, clusters[0], objects)
		}
		if err == nil {
			t.Errorf("%s with %q passes", wrong.kind, wrong.want)
		}
	}
}
