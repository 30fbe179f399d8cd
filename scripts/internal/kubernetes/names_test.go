package kubernetes

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/kit/metric"
)

// labelled are the labels that a selector asks for, and those that a pod has.
func labelled(t *testing.T, what string, selector, labels map[string]string) {
	t.Helper()
	if len(selector) == 0 {
		t.Errorf("%s selects nothing, or everything", what)
	}
	for name, value := range selector {
		if labels[name] != value {
			t.Errorf("%s selects %s=%s, and the pods have %v", what, name, value, labels)
		}
	}
}

// Each object of a variant is about its Deployment, and nothing else is in an overlay.
func TestObjects(t *testing.T) {
	for overlay, variants := range overlays {
		t.Run(overlay, func(t *testing.T) {
			all := build(t, overlay)
			var want, got []string
			for _, v := range variants {
				want = append(want, "ConfigMap", "Deployment/"+v, "HorizontalPodAutoscaler/"+v, "PodDisruptionBudget/"+v, "Service/"+v)
			}
			want = append(want, "HTTPRoute/ws")
			for _, o := range all {
				if o.Metadata.Namespace != "ws" {
					t.Errorf("%s is in the namespace %q", o, o.Metadata.Namespace)
				}
				name := o.String()
				if o.Kind == "ConfigMap" { // the rest of its name follows from its content
					name = o.Kind
				}
				got = append(got, name)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			for _, v := range variants {
				ofVariant(t, all, v)
			}
			route(t, all, overlay, variants)
		})
	}
}

func ofVariant(t *testing.T, all []object, name string) {
	t.Helper()
	version := versionOf(t, name)
	d := as[deployment](t, find(t, all, "Deployment", name))
	labels := d.Spec.Template.Metadata.Labels
	labelled(t, "Deployment/"+name, d.Spec.Selector.MatchLabels, labels)
	if d.Spec.Replicas != nil {
		t.Errorf("Deployment/%s has replicas: each apply would undo what the autoscaler did", name)
	}
	_, c := server(t, all, name)

	service := as[struct {
		Spec struct {
			Type     string
			Selector map[string]string
			Ports    []struct {
				Port        int
				TargetPort  string `yaml:"targetPort"`
				AppProtocol string `yaml:"appProtocol"`
			}
		}
	}](t, find(t, all, "Service", name)).Spec
	labelled(t, "Service/"+name, service.Selector, labels)
	if len(service.Ports) != 1 || service.Ports[0].TargetPort != "ws" || service.Ports[0].AppProtocol != "kubernetes.io/ws" || service.Type != "" {
		t.Errorf("Service/%s is %+v, want the public port alone, for WebSocket, inside of the cluster", name, service)
	}

	budget := as[struct {
		Spec struct {
			Selector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
			MaxUnavailable int `yaml:"maxUnavailable"`
		}
	}](t, find(t, all, "PodDisruptionBudget", name)).Spec
	labelled(t, "PodDisruptionBudget/"+name, budget.Selector.MatchLabels, labels)

	scaler := as[autoscaler](t, find(t, all, "HorizontalPodAutoscaler", name)).Spec
	if ref := scaler.ScaleTargetRef; ref.APIVersion != "apps/v1" || ref.Kind != "Deployment" || ref.Name != name {
		t.Errorf("HorizontalPodAutoscaler/%s scales %+v", name, ref)
	}
	if scaler.MinReplicas < 2 || budget.MaxUnavailable != 1 {
		t.Errorf("%s has %d pods at least, of which %d may be missing: want one to stay", name, scaler.MinReplicas, budget.MaxUnavailable)
	}
	targets := map[string]string{}
	for _, m := range scaler.Metrics {
		targets[m.Pods.Metric.Name] = m.Pods.Target.AverageValue
		if m.Type != "Pods" || m.Pods.Target.Type != "AverageValue" {
			t.Errorf("HorizontalPodAutoscaler/%s goes by %+v, want a value of pods, averaged", name, m)
		}
	}
	// Room for those who come while a pod starts, and for those of one that drains.
	connections, err := strconv.Atoi(targets[metric.Connections.Name])
	if most := version.MaxConnections; err != nil || connections < most/2 || connections > most*3/4 {
		t.Errorf("HorizontalPodAutoscaler/%s wants %q connections a pod (%v), and a pod takes %d", name, targets[metric.Connections.Name], err, most)
	}
	if targets[metric.CPU.Name] != "650m" || len(targets) != 2 {
		t.Errorf("HorizontalPodAutoscaler/%s goes by %v, want the connections, and 65%% of CPU, before newcomers are refused", name, targets)
	}

	cores := strconv.Itoa(version.CPUCores)
	if r := c.Resources; r.Limits["cpu"] != cores || !maps.Equal(r.Limits, r.Requests) || r.Limits["memory"] == "" {
		t.Errorf("%s has the resources %+v, want %s cores, and what it asks for to be what it may have", name, r, cores)
	}
	annotations := d.Spec.Template.Metadata.Annotations
	if annotations["prometheus.io/port"] != strconv.Itoa(c.port(t, "admin")) || annotations["prometheus.io/path"] != "/metrics" {
		t.Errorf("%s is scraped by %v", name, annotations)
	}
	image(t, c, name, version.Version)
}

type autoscaler struct {
	Spec struct {
		ScaleTargetRef struct {
			APIVersion string `yaml:"apiVersion"`
			Kind, Name string
		} `yaml:"scaleTargetRef"`
		MinReplicas int `yaml:"minReplicas"`
		Metrics     []struct {
			Type string
			Pods struct {
				Metric struct{ Name string }
				Target struct {
					Type         string
					AverageValue string `yaml:"averageValue"`
				}
			}
		}
	}
}

var imageName = regexp.MustCompile(`^ghcr\.io/adred-codev/odin-(ws-\w+):v(\d+)\.(\d+)\.(\d+)$`)

// image wants a release that is there: VERSION is written when one is made, and the manifests follow.
func image(t *testing.T, c container, name, newest string) {
	t.Helper()
	m := imageName.FindStringSubmatch(c.Image)
	if m == nil || m[1] != name {
		t.Errorf("%s runs %q, want an image of its own, of a release", name, c.Image)
		return
	}
	n := regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)`).FindStringSubmatch(newest)
	if n == nil {
		t.Fatalf("VERSION of %s has %q", name, newest)
	}
	if order := slices.CompareFunc(m[2:], n[1:], func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }); order > 0 {
		t.Errorf("%s runs %s, and the newest is %s", name, c.Image, newest)
	}

	dockerfile, err := os.ReadFile(filepath.Join(variantOf(t, name).Dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	program := "/usr/local/bin/" + name
	for _, want := range []string{
		`ENTRYPOINT \["(/usr/local/bin/)?` + name + `"\]`,
		`COPY --from=\w+ \S+ /usr/local/bin/(` + name + `)?`,
		"EXPOSE " + strconv.Itoa(c.port(t, "ws")),
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).Match(dockerfile) {
			t.Errorf("the Dockerfile of %s has no line %s, and the pod rests on it", name, want)
		}
	}
	if len(c.Command)+len(c.Args) > 0 {
		t.Errorf("%s is started with %v %v, not as its image says", name, c.Command, c.Args)
	}
	if pre := c.Lifecycle.PreStop.Exec.Command; !slices.Equal(pre, []string{program, "drain"}) {
		t.Errorf("preStop of %s is %v", name, pre)
	}
}

// route checks the weights: all of a hundred, for Services that are there.
func route(t *testing.T, all []object, overlay string, variants []string) {
	t.Helper()
	rules := as[struct {
		Spec struct {
			Rules []struct {
				Matches []struct {
					Path struct{ Type, Value string }
				}
				Timeouts    map[string]string
				BackendRefs []struct {
					Name         string
					Port, Weight int
				} `yaml:"backendRefs"`
			}
		}
	}](t, find(t, all, "HTTPRoute", "ws")).Spec.Rules
	if len(rules) != 1 || len(rules[0].Matches) != 1 || rules[0].Matches[0].Path.Value != "/ws" || rules[0].Timeouts["request"] != "0s" {
		t.Fatalf("the route is %+v, want /ws alone, for as long as it lasts", rules)
	}
	sum := 0
	var names []string
	for _, ref := range rules[0].BackendRefs {
		sum += ref.Weight
		names = append(names, ref.Name)
		_, c := server(t, all, ref.Name)
		if ref.Port != c.port(t, "ws") {
			t.Errorf("the route goes to port %d of %s", ref.Port, ref.Name)
		}
		if ref.Weight == 0 {
			t.Errorf("%s runs %s and sends nobody there", overlay, ref.Name)
		}
	}
	if sum != 100 || !slices.Equal(names, variants) {
		t.Errorf("the weights of %v are %d in all, want %v and 100", names, sum, variants)
	}
}

// The adapter serves what the autoscalers ask for, from metrics that the servers have.
func TestAdapter(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "deploy", "kubernetes", "prometheus-adapter.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Rules struct {
			Default bool
			Custom  []struct {
				SeriesQuery string `yaml:"seriesQuery"`
				Resources   struct {
					Overrides map[string]struct{ Resource string }
				}
				Query string `yaml:"metricsQuery"`
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&values); err != nil {
		t.Fatal(err)
	}
	if len(values.Rules.Custom) != 1 {
		t.Fatalf("%d rules, want one", len(values.Rules.Custom))
	}
	rule := values.Rules.Custom[0]
	m := regexp.MustCompile(`__name__=~"([^"]+)"`).FindStringSubmatch(rule.SeriesQuery)
	if m == nil {
		t.Fatalf("seriesQuery %s names no series", rule.SeriesQuery)
	}
	series := regexp.MustCompile("^(?:" + m[1] + ")$")
	var got []string
	for _, def := range metric.All() {
		if series.MatchString(def.Name) {
			got = append(got, def.Name)
		}
	}
	for overlay, variants := range overlays {
		all := build(t, overlay)
		for _, v := range variants {
			var asked []string
			for _, m := range as[autoscaler](t, find(t, all, "HorizontalPodAutoscaler", v)).Spec.Metrics {
				asked = append(asked, m.Pods.Metric.Name)
			}
			slices.Sort(asked)
			slices.Sort(got)
			if !slices.Equal(asked, got) {
				t.Errorf("%s asks for %v, and the adapter has %v", v, asked, got)
			}
		}
	}
	for label, want := range map[string]string{"namespace": "namespace", "pod": "pod"} {
		if got := rule.Resources.Overrides[label].Resource; got != want || !strings.Contains(rule.SeriesQuery, label+`!=""`) {
			t.Errorf("the label %s is a %q, and the series asked for are %s", label, got, rule.SeriesQuery)
		}
	}
	for _, part := range []string{"<<.Series>>", "<<.LabelMatchers>>", "<<.GroupBy>>"} {
		if !strings.Contains(rule.Query, part) {
			t.Errorf("metricsQuery has no %s: %s", part, rule.Query)
		}
	}
}

// README.md names the range of Kubernetes that the schemas are of, and its words for the Secret make the one that pods want.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "deploy", "kubernetes", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"from " + clusters[0] + " to " + clusters[1], "create secret generic ws-single --from-literal=WS_ADMIN_TOKEN="} {
		if !strings.Contains(string(text), want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
	for overlay := range overlays {
		if !strings.Contains(string(text), "`overlays/"+overlay+"`") {
			t.Errorf("README.md does not name overlays/%s", overlay)
		}
	}
	folders, err := os.ReadDir(filepath.Join(root(t), "deploy", "kubernetes", "overlays"))
	if err != nil || len(folders) != len(overlays) {
		t.Errorf("%d overlays are tested, and there are %d (%v)", len(overlays), len(folders), err)
	}
}
