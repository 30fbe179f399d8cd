package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// user is a USER that Kubernetes' runAsNonRoot can judge: numbers, and not root's.
var user = regexp.MustCompile(`^(\d+):(\d+)$`)

// faultsOf says what of a Dockerfile wants privileges.
func faultsOf(dockerfile string) (faults []string) {
	var last string // the user of the stage that is at hand
	var starts string
	for line := range strings.Lines(dockerfile) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = strings.TrimSpace(value)
		switch strings.ToUpper(name) {
		case "FROM":
			last, starts = "", ""
		case "USER":
			last = value
		case "ENTRYPOINT", "CMD":
			starts = last
		case "EXPOSE":
			if port, err := strconv.Atoi(value); err != nil || port < 1024 {
				faults = append(faults, "it exposes "+value+", for which a user needs a capability")
			}
		}
	}
	m := user.FindStringSubmatch(last)
	switch {
	case m == nil:
		faults = append(faults, "its last USER is "+strconv.Quote(last)+", want two numbers")
	case m[1] == "0" || m[2] == "0":
		faults = append(faults, "it runs as root")
	case starts != last:
		faults = append(faults, "its USER comes after what it starts")
	}
	return faults
}

func TestImages(t *testing.T) {
	root, variants := repository(t)
	files := []string{filepath.Join(root, "deploy", "compose", "publisher.Dockerfile")}
	for _, v := range variants {
		files = append(files, filepath.Join(v.Dir, "Dockerfile"))
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faultsOf(string(text)) {
			t.Errorf("%s: %s", path, fault)
		}
	}
	for dockerfile, want := range map[string]string{
		"FROM a\nUSER 65532:65532\nFROM b\nENTRYPOINT [\"x\"]\n":         `its last USER is ""`,
		"FROM a\nUSER nobody\nENTRYPOINT [\"x\"]\n":                      `its last USER is "nobody"`,
		"FROM a\nUSER 0:0\nENTRYPOINT [\"x\"]\n":                         "it runs as root",
		"FROM a\nUSER 65532:65532\nEXPOSE 80\nENTRYPOINT [\"x\"]\n":      "it exposes 80",
		"FROM a\nUSER 65532:65532\nENTRYPOINT [\"x\"]\nUSER 65533:65533": "its USER comes after",
	} {
		if got := strings.Join(faultsOf(dockerfile), "; "); !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", dockerfile, got, want)
		}
	}
}
