package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// manifestName is the file beside a copy that says what it is a copy of.
const manifestName = "KIT_VERSION"

// A manifest is what KIT_VERSION says: the version, and each file's SHA-256 in
// hex by its path.
type manifest struct {
	version string
	sums    map[string]string
}

func manifestOf(version string, files content) manifest {
	m := manifest{version: version, sums: map[string]string{}}
	for name, b := range files {
		m.sums[name] = sum(b)
	}
	return m
}

func sum(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}

// render writes the version, the SHA-256 of the lines that follow the empty
// one, and these lines: one a file, sorted by path, as sha256sum prints them.
func (m manifest) render() []byte {
	var lines strings.Builder
	for _, name := range sortedKeys(m.sums) {
		fmt.Fprintf(&lines, "%s  %s\n", m.sums[name], name)
	}
	return fmt.Appendf(nil, "version: %s\nsha256: %s\n\n%s", m.version, sum([]byte(lines.String())), lines.String())
}

// parseManifest reads exactly what render writes.
func parseManifest(b []byte) (manifest, error) {
	head, lines, _ := strings.Cut(string(b), "\n\n")
	first, second, _ := strings.Cut(head, "\n")
	version, versioned := strings.CutPrefix(first, "version: ")
	whole, summed := strings.CutPrefix(second, "sha256: ")
	if !versioned || !versionForm.MatchString(version) || !summed {
		return manifest{}, fmt.Errorf("does not begin with version and sha256")
	}
	if sum([]byte(lines)) != whole {
		return manifest{}, fmt.Errorf("has lines that its sha256 does not fit")
	}
	m := manifest{version: version, sums: map[string]string{}}
	for line := range strings.Lines(lines) {
		digest, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !found {
			return manifest{}, fmt.Errorf("has a line %q that is not a sum and a path", line)
		}
		m.sums[name] = digest
	}
	return m, nil
}
