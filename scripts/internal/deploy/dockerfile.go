package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Dockerfile is what one says of the image it makes.
type Dockerfile struct {
	Title       string   // the label org.opencontainers.image.title
	Bases       []string // images that it begins with, stage by stage
	Args        []string // build arguments
	Expose      []string
	HealthCheck []string // its command
	Copied      []string // paths of the context
}

var (
	folded = regexp.MustCompile(`\\\n`)
	titled = regexp.MustCompile(`org\.opencontainers\.image\.title="([^"]+)"`)
)

// ReadDockerfile reads the instructions that deployments rest on; those with a list are JSON, as here.
func ReadDockerfile(path string) (*Dockerfile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Dockerfile: %w", err)
	}
	var d Dockerfile
	for line := range strings.Lines(folded.ReplaceAllString(string(text), " ")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = strings.TrimSpace(value)
		switch name {
		case "FROM":
			base, _, _ := strings.Cut(value, " ")
			d.Bases = append(d.Bases, base)
		case "ARG":
			arg, _, _ := strings.Cut(value, "=")
			d.Args = append(d.Args, arg)
		case "EXPOSE":
			d.Expose = append(d.Expose, value)
		case "HEALTHCHECK":
			_, list, ok := strings.Cut(value, "CMD ")
			if !ok {
				return nil, fmt.Errorf("%s: HEALTHCHECK without CMD", path)
			}
			if err := json.Unmarshal([]byte(list), &d.HealthCheck); err != nil {
				return nil, fmt.Errorf("%s: HEALTHCHECK is no list: %w", path, err)
			}
		case "COPY":
			words := strings.Fields(value)
			if !strings.HasPrefix(value, "--from") {
				d.Copied = append(d.Copied, words[:len(words)-1]...)
			}
		case "LABEL":
			if m := titled.FindStringSubmatch(value); m != nil {
				d.Title = m[1]
			}
		}
	}
	if d.Title == "" {
		return nil, fmt.Errorf("%s: there is no label org.opencontainers.image.title", path)
	}
	return &d, nil
}
