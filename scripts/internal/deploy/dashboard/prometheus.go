package dashboard

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	client "github.com/prometheus/client_golang/api"
	api "github.com/prometheus/client_golang/api/prometheus/v1"
	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// ScrapeEvery is how often the servers are asked, and rules computed: more often than in earnest, because nobody waits an hour.
const ScrapeEvery = time.Second

// StartPrometheus runs Debian's Prometheus with deploy/prometheus, but for the targets of the job ws, which are admin
// addresses by variant, and the times. It ends with the test.
func StartPrometheus(t stage.TB, targets map[string][]string) api.API {
	t.Helper()
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Fatal("prometheus is not installed (Debian: apt-get install prometheus)")
	}
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shipped := filepath.Join(root, "deploy", "prometheus")
	config, err := retarget(filepath.Join(shipped, "prometheus.yml"), targets)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	// By the configuration's own, relative, path of its rules.
	if err := os.Symlink(filepath.Join(shipped, "rules"), filepath.Join(dir, "rules")); err != nil {
		t.Fatal(err)
	}
	addr, err := variant.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	p, err := variant.Start(variant.Options{
		Binary: "prometheus",
		Args: []string{
			"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + addr, "--log.level=warn",
		},
		Env: map[string]string{"WS_ADMIN_ADDR": addr}, // where it is asked whether it is ready
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.WaitStatus(stage.Within(t), "/-/ready", http.StatusOK); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewClient(client.Config{Address: "http://" + addr, RoundTripper: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		t.Fatal(err)
	}
	return api.NewAPI(c)
}

// retarget is the shipped configuration with other targets of the job ws and other times, and without other jobs.
func retarget(path string, targets map[string][]string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Prometheus' configuration: %w", err)
	}
	var config struct {
		Global  map[string]any   `yaml:"global"`
		Rules   []string         `yaml:"rule_files"`
		Scrapes []map[string]any `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("read Prometheus' configuration: %w", err)
	}
	for _, name := range []string{"scrape_interval", "scrape_timeout", "evaluation_interval"} {
		config.Global[name] = ScrapeEvery.String()
	}
	for _, job := range config.Scrapes {
		if job["job_name"] != "ws" {
			continue
		}
		var groups []any
		for name, addrs := range targets {
			groups = append(groups, map[string]any{"targets": addrs, "labels": map[string]string{"variant": name}})
		}
		job["static_configs"] = groups
		config.Scrapes = []map[string]any{job}
		return yaml.Marshal(config)
	}
	return nil, fmt.Errorf("%s has no job ws", path)
}
