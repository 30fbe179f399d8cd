package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/venv"
)

// clusters are the oldest and the newest Kubernetes that is checked for; deploy/kubernetes/README.md names them.
var clusters = []string{"1.32", "1.37"}

// validator is the path of kubernetes-validate, which brings the schemas of Kubernetes' own kinds with it.
var validator = sync.OnceValues(func() (string, error) {
	dir, err := venv.Dir()
	if err != nil {
		return "", err
	}
	bin, err := venv.Make(context.Background(), dir, "requirements.txt")
	return filepath.Join(bin, "kubernetes-validate"), err
})

// passed is what kubernetes-validate says of each object that is as its schema wants it.
var passed = regexp.MustCompile(`(?m)^INFO .* passed for resource (\S+) against`)

// validate is what is wrong with objects of Kubernetes' own kinds, in a version of it. Nothing may have a field that its
// schema does not know, and no object be without a schema.
func validate(t *testing.T, version string, objects []object) error {
	t.Helper()
	program, err := validator()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, o := range objects {
		text.WriteString("---\n" + o.text(t))
	}
	path := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "--strict", "--kubernetes-version", version, path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	// Of a kind that it does not know it only warns.
	if n := len(passed.FindAllString(string(out), -1)); n != len(objects) {
		return fmt.Errorf("%d of %d objects were checked\n%s", n, len(objects), out)
	}
	return nil
}

// The Gateway API's kinds are no part of Kubernetes: their definition is in the release that is named here. The sum is that
// of go.sum (golang.org/ref/mod#go-sum-files).
const (
	gatewayAPI    = "sigs.k8s.io/gateway-api"
	gatewayAPIAt  = "v1.4.0"
	gatewayAPISum = "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ="
)

// routeSchema is the schema of HTTPRoute, version v1, from its CustomResourceDefinition. It is made strict: an object that
// has properties has no others. Rules in CEL (x-kubernetes-validations) are not in it.
var routeSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	cmd := exec.Command("go", "mod", "download", "-json", gatewayAPI+"@"+gatewayAPIAt)
	cmd.Dir = os.TempDir() // no go.mod is about it
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("download %s: %w\n%s%s", gatewayAPI, err, out, trouble.String())
	}
	var module struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, err
	}
	if module.Sum != gatewayAPISum {
		return nil, fmt.Errorf("%s@%s has the sum %s, want %s", gatewayAPI, gatewayAPIAt, module.Sum, gatewayAPISum)
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, "config", "crd", "standard", "gateway.networking.k8s.io_httproutes.yaml"))
	if err != nil {
		return nil, err
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPI map[string]any `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	for _, v := range definition.Spec.Versions {
		if v.Name == "v1" {
			return compile(v.Schema.OpenAPI)
		}
	}
	return nil, errors.New("the definition of HTTPRoute has no version v1")
})

func compile(document map[string]any) (*jsonschema.Schema, error) {
	beStrict(document)
	// The compiler takes what encoding/json makes, with numbers of its own.
	b, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // OpenAPI 3.0 grew out of an older one; what differs is not used here
	if err := c.AddResource("httproute.json", schema); err != nil {
		return nil, err
	}
	return c.Compile("httproute.json")
}

// beStrict closes every object of a schema whose properties are listed, the root's metadata aside, which every kind has.
func beStrict(schema map[string]any) {
	properties, listed := schema["properties"].(map[string]any)
	if _, open := schema["additionalProperties"]; listed && !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	for _, p := range properties {
		beStrict(p.(map[string]any))
	}
	if items, ok := schema["items"].(map[string]any); ok {
		beStrict(items)
	}
}

// validateRoute is what is wrong with an HTTPRoute.
func validateRoute(t *testing.T, o object) error {
	t.Helper()
	schema, err := routeSchema()
	if err != nil {
		t.Fatalf("read the definition of HTTPRoute: %v", err)
	}
	b, err := json.Marshal(as[map[string]any](t, o))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}
