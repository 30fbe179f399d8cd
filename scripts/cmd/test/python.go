package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// venv is the folder of programs of a virtual environment that has the pinned
// requirements of a file. It is kept, by the file's content.
func (j *job) venv(requirements string) (string, error) {
	content, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("make virtual environment: %w", err)
	}
	dir := filepath.Join(j.cache, fmt.Sprintf("venv-%x", sha256.Sum256(content))[:17])
	bin := filepath.Join(dir, "bin")
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return bin, nil
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(bin, "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements},
	} {
		if out, err := j.command(j.root, nil, step[0], step[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("make virtual environment: %w\n%s", err, out)
		}
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		return "", fmt.Errorf("make virtual environment: %w", err)
	}
	return bin, nil
}
