package kubernetes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// overlays are those that are applied, and the variants that each runs.
var overlays = map[string][]string{
	"edge": {"ws-single"},
	"hub":  {"ws-multi"},
	"ab":   {"ws-single", "ws-multi"},
}

// object is one of an overlay: its head, and all of it.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name, Namespace string
		Labels          map[string]string
	}
	whole yaml.Node
}

func (o object) String() string { return o.Kind + "/" + o.Metadata.Name }

// text is the object as YAML.
func (o object) text(t *testing.T) string {
	t.Helper()
	b, err := yaml.Marshal(&o.whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// as reads the object's spec, or what else a test looks at.
func as[T any](t *testing.T, o object) T {
	t.Helper()
	var v T
	if err := o.whole.Decode(&v); err != nil {
		t.Fatalf("%s: %v", o, err)
	}
	return v
}

// kustomize is the path of the program, in the version that scripts/tools pins.
var kustomize = sync.OnceValues(func() (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "tool", "-n", "kustomize")
	cmd.Dir = filepath.Join(root, "scripts", "tools")
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

func root(t *testing.T) string {
	t.Helper()
	dir, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build is what kubectl apply -k would send for an overlay.
func build(t *testing.T, overlay string) []object {
	t.Helper()
	program, err := kustomize()
	if err != nil {
		t.Fatalf("build kustomize: %v", err)
	}
	cmd := exec.Command(program, "build", filepath.Join(root(t), "deploy", "kubernetes", "overlays", overlay))
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil || trouble.Len() > 0 { // it warns of what is deprecated
		t.Fatalf("build %s: %v\n%s", overlay, err, trouble.String())
	}
	return read(t, string(out))
}

// read parts a stream of documents.
func read(t *testing.T, text string) (all []object) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var node yaml.Node
		err := d.Decode(&node)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		o := object{whole: node}
		if err := node.Decode(&o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// find is the one object of a kind with a name.
func find(t *testing.T, all []object, kind, name string) object {
	t.Helper()
	for _, o := range all {
		if o.Kind == kind && o.Metadata.Name == name {
			return o
		}
	}
	t.Fatalf("there is no %s/%s", kind, name)
	return object{}
}

// deployment is what tests look at in a Deployment.
type deployment struct {
	Spec struct {
		Replicas *int
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
	AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
	TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
	HostNetwork                   bool  `yaml:"hostNetwork"`
	HostPID                       bool  `yaml:"hostPID"`
	HostIPC                       bool  `yaml:"hostIPC"`
	SecurityContext               struct {
		RunAsNonRoot   *bool                 `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		RunAsGroup     int                   `yaml:"runAsGroup"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	InitContainers []container `yaml:"initContainers"`
	Containers     []container
	Volumes        []yaml.Node
}

type container struct {
	Name, Image   string
	Command, Args []string
	Env           []yaml.Node
	EnvFrom       []source `yaml:"envFrom"`
	Ports         []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
		HostPort      int `yaml:"hostPort"`
	}
	StartupProbe   *probe `yaml:"startupProbe"`
	LivenessProbe  *probe `yaml:"livenessProbe"`
	ReadinessProbe *probe `yaml:"readinessProbe"`
	Lifecycle      struct {
		PreStop struct {
			Exec struct{ Command []string }
		} `yaml:"preStop"`
	}
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		Privileged               bool
		ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Add, Drop []string }
	} `yaml:"securityContext"`
}

// source is a place that an environment comes from.
type source struct {
	ConfigMapRef *struct{ Name string } `yaml:"configMapRef"`
	SecretRef    *struct{ Name string } `yaml:"secretRef"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// port is the number of a container's port.
func (c container) port(t *testing.T, name string) int {
	t.Helper()
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	t.Fatalf("%s has no port %q", c.Name, name)
	return 0
}

// server is the one container of a variant's pod, and the pod.
func server(t *testing.T, all []object, name string) (pod, container) {
	t.Helper()
	d := as[deployment](t, find(t, all, "Deployment", name))
	if n := len(d.Spec.Template.Spec.Containers); n != 1 {
		t.Fatalf("%s has %d containers, want one", name, n)
	}
	return d.Spec.Template.Spec, d.Spec.Template.Spec.Containers[0]
}

// variantOf is the variant of a name.
func variantOf(t *testing.T, name string) variant.Variant {
	t.Helper()
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("there is no variant %s", name)
	return variant.Variant{}
}

// versionOf is a line of a variant's VERSION.
func versionOf(t *testing.T, name string) (v struct {
	Version        string
	MaxConnections int `yaml:"max_connections"`
	CPUCores       int `yaml:"cpu_cores"`
},
) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(variantOf(t, name).Dir, "VERSION"))
	if err == nil {
		err = yaml.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
