package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// buildah runs the program of that name.
type buildah struct {
	env      []string
	progress io.Writer
}

// newBuildah chooses what works everywhere, inside of a container too: chroot in the place of a container engine, plain
// folders in the place of overlays. The environment may say otherwise.
func newBuildah(progress io.Writer) (*buildah, error) {
	if _, err := exec.LookPath("buildah"); err != nil {
		return nil, errors.New("buildah is not installed (Debian: apt-get install buildah)")
	}
	b := &buildah{env: os.Environ(), progress: progress}
	for _, kv := range []string{"BUILDAH_ISOLATION=chroot", "STORAGE_DRIVER=vfs"} {
		name, _, _ := strings.Cut(kv, "=")
		if os.Getenv(name) == "" {
			b.env = append(b.env, kv)
		}
	}
	return b, nil
}

// do runs a command and returns what it prints.
func (b *buildah) do(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "buildah", args...)
	cmd.Env = b.env
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		const most = 4096
		said := trouble.String()
		if len(said) > most {
			said = "…" + said[len(said)-most:]
		}
		return "", fmt.Errorf("buildah %s: %w\n%s", args[0], err, said)
	}
	return strings.TrimSpace(out.String()), nil
}

// build makes an image, in Docker's format: OCI's has no health check.
func (b *buildah) build(ctx context.Context, i *image, from string) error {
	fmt.Fprintf(b.progress, "building %s\n", i.name)
	args := []string{"build", "--quiet", "--format", "docker", "-t", i.name, "-f", i.dockerfile}
	if ignore := i.dockerfile + ".dockerignore"; isFile(ignore) {
		args = append(args, "--ignorefile", ignore)
	} else if ignore := filepath.Join(i.context, ".dockerignore"); isFile(ignore) {
		args = append(args, "--ignorefile", ignore)
	}
	for _, arg := range slices.Sorted(maps.Keys(i.args)) {
		args = append(args, "--build-arg", arg+"="+i.args[arg])
	}
	if from == debootstrapt {
		// This machine's certificates vouch for its proxies, too.
		args = append(args, "--pull=never", "--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
	}
	began := time.Now()
	if _, err := b.do(ctx, append(args, i.context)...); err != nil {
		if from == pulled {
			return fmt.Errorf("%w\nwhere no base image can be pulled: --bases debootstrap", err)
		}
		return err
	}
	i.built = time.Since(began)
	answer, err := b.do(ctx, "inspect", "--type", "image", i.name)
	if err != nil {
		return err
	}
	i.is, err = parseInspected([]byte(answer))
	return err
}

// mount makes the files of an image a folder, until the function is called.
func (b *buildah) mount(ctx context.Context, i *image) (root string, unmount func() error, err error) {
	container, err := b.do(ctx, "from", "--pull=never", i.name)
	if err != nil {
		return "", nil, err
	}
	unmount = func() error {
		// The caller may have been interrupted: this is done all the same.
		_, err := b.do(context.WithoutCancel(ctx), "rm", container)
		return err
	}
	if root, err = b.do(ctx, "mount", container); err != nil {
		return "", nil, errors.Join(err, unmount())
	}
	return root, unmount, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
