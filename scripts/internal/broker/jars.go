package broker

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/lock"
)

// Version is the Kafka release that pom.xml names; the cache directory is
// named after it.
const Version = "4.3.0"

//go:embed pom.xml
var pom []byte

//go:embed log4j2.yaml
var log4j []byte

// ErrNoJava and ErrNoMaven say what is missing and how to get it.
var (
	ErrNoJava  = errors.New("java not found: Kafka needs Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)")
	ErrNoMaven = errors.New("mvn not found: the first start fetches Kafka's jars with Maven (Debian: apt-get install maven)")
)

// Jars returns the directory of Kafka's jars, fetching them with Maven (44 MB)
// when they are not cached yet. Any number of processes may call it at once.
func Jars(ctx context.Context) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	libs := filepath.Join(cache, "kafka-"+Version)
	if isDir(libs) {
		return libs, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	unlock, err := lock.Wait(libs + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(libs) { // another process was faster
		return libs, nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", ErrNoMaven
	}
	tmp, err := os.MkdirTemp(cache, "kafka-"+Version+".part-")
	if err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.WriteFile(filepath.Join(tmp, "pom.xml"), pom, 0o644); err != nil {
		return "", fmt.Errorf("write pom.xml: %w", err)
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory=libs")
	mvn.Dir = tmp
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Kafka's jars with mvn: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	// Renamed when complete: whoever sees the directory sees all of it.
	if err := os.Rename(filepath.Join(tmp, "libs"), libs); err != nil {
		return "", fmt.Errorf("move Kafka's jars into the cache: %w", err)
	}
	return libs, nil
}

// CacheDir is where jars and the directories of detached brokers live.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory (set HOME or XDG_CACHE_HOME): %w", err)
	}
	return filepath.Join(dir, "ws_poc"), nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
