package deploy

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// scraped are the targets of prometheus.yml by job, and there by variant.
func scraped(t *testing.T, root string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Scrapes []struct {
			Job    string `yaml:"job_name"`
			Static []struct {
				Targets []string
				Labels  map[string]string
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	jobs := map[string]map[string]string{}
	for _, s := range config.Scrapes {
		jobs[s.Job] = map[string]string{}
		for _, group := range s.Static {
			for _, target := range group.Targets {
				jobs[s.Job][group.Labels["variant"]] = target
			}
		}
	}
	return jobs
}

// What refers to another container finds it, at a port on which it listens.
func TestComposeAddresses(t *testing.T) {
	root, _ := repository(t)
	read := func(path ...string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(append([]string{root, "deploy"}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	p := compose(t, "ab")
	haproxy := environment(p.Services["haproxy"])
	config := read("haproxy", "haproxy.cfg")
	for name := range haproxy {
		if !strings.Contains(config, "${"+name+"-") {
			t.Errorf("haproxy.cfg knows no %s", name)
		}
	}
	// Where each service listens, by its own settings, and haproxy.cfg's defaults.
	listens := map[string][]string{"prometheus": {"9090"}, "grafana": {"3000"}, "haproxy": {port(t, haproxy["LB_METRICS_BIND"]), port(t, haproxy["LB_ADMIN"])}}
	bind := regexp.MustCompile(`\$\{LB_BIND-(:\d+)\}`).FindStringSubmatch(config)
	if bind == nil {
		t.Fatal("haproxy.cfg does not say where it listens")
	}
	listens["haproxy"] = append(listens["haproxy"], port(t, bind[1]))
	for _, name := range []string{"ws-single", "ws-multi"} {
		env := environment(p.Services[name])
		listens[name] = []string{port(t, env["WS_ADDR"]), port(t, env["WS_ADMIN_ADDR"])}
	}
	for _, l := range strings.Split(environment(p.Services["kafka"])["KAFKA_LISTENERS"], ",") {
		listens["kafka"] = append(listens["kafka"], l[strings.LastIndex(l, ":")+1:])
	}
	found := func(who, addr string) {
		t.Helper()
		host, port, err := net.SplitHostPort(addr)
		if err != nil || !slices.Contains(listens[host], port) {
			t.Errorf("%s goes to %s, where nobody listens: %v", who, addr, listens)
		}
	}
	for name, s := range p.Services {
		for _, port := range s.Ports {
			if !slices.Contains(listens[name], strconv.Itoa(int(port.Target))) {
				t.Errorf("%s publishes %d, and listens on %v", name, port.Target, listens[name])
			}
			// Only what clients speak with is for everybody.
			if open := name == "haproxy" && port.Target == 8080 || strings.HasPrefix(name, "ws-") && port.Target == 3002; (port.HostIP == "") != open {
				t.Errorf("%s publishes %d at %q", name, port.Target, port.HostIP)
			}
		}
		if brokers, ok := environment(s)["KAFKA_BROKERS"]; ok {
			found(name, brokers)
		}
	}
	for _, name := range []string{"LB_SINGLE", "LB_MULTI"} {
		m := regexp.MustCompile(`\$\{` + name + `-([^}]+)\}`).FindStringSubmatch(config)
		if m == nil {
			t.Fatalf("haproxy.cfg has no %s", name)
		}
		found("haproxy", m[1])
	}
	for job, targets := range scraped(t, root) {
		for _, target := range targets {
			found("Prometheus' job "+job, target)
		}
	}
	advertised := regexp.MustCompile(`INSIDE://([^,]+)`).FindStringSubmatch(environment(p.Services["kafka"])["KAFKA_ADVERTISED_LISTENERS"])
	found("whoever asked Kafka", advertised[1])
	source := regexp.MustCompile(`url: http://(\S+)`).FindStringSubmatch(read("grafana", "provisioning", "datasources", "prometheus.yml"))
	found("Grafana", source[1])

	// Paths inside of containers that files and command lines name are mounted there.
	mounted := func(service, path string) {
		t.Helper()
		for _, v := range p.Services[service].Volumes {
			if rest, ok := strings.CutPrefix(path, v.Target); ok && v.Type == "bind" {
				if _, err := os.Stat(v.Source + rest); err == nil {
					return
				}
			}
		}
		t.Errorf("%s has no %s", service, path)
	}
	mounted("prometheus", strings.TrimPrefix(p.Services["prometheus"].Command[0], "--config.file="))
	mounted("prometheus", "/etc/prometheus/rules/alerts.yml")
	mounted("grafana", environment(p.Services["grafana"])["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
	folder := regexp.MustCompile(`path: (\S+)`).FindStringSubmatch(read("grafana", "provisioning", "dashboards", "odin.yml"))
	mounted("grafana", folder[1])
	mounted("haproxy", "/usr/local/etc/haproxy/haproxy.cfg")

	// Where people are told that something answers, it does.
	told := regexp.MustCompile(`localhost:(\d+)`).FindAllStringSubmatch(read("README.md"), -1)
	if len(told) < 9 {
		t.Errorf("deploy/README.md names %v only", told)
	}
	published := map[string]bool{}
	for _, s := range p.Services {
		for _, port := range s.Ports {
			published[port.Published] = true
		}
	}
	for _, m := range told {
		if !published[m[1]] {
			t.Errorf("deploy/README.md names %s, which nothing publishes", m[0])
		}
	}
	for port := range published {
		if !strings.Contains(read("README.md"), "localhost:"+port) {
			t.Errorf("deploy/README.md does not say what answers at %s", port)
		}
	}
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, port, ok := strings.Cut(addr[strings.LastIndex(addr, ":"):], ":")
	if _, err := strconv.Atoi(port); !ok || err != nil {
		t.Fatal(fmt.Errorf("%s has no port", addr))
	}
	return port
}
