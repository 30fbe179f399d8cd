package deploy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// confine starts a program as the images and units do: nobody's user and group, no
// capability and no way to one, in a view of the files where nothing can be written.
const confine = `#!/bin/sh
exec unshare --mount --propagation private sh -ec '
	mount -o remount,bind,ro /
	for place in /tmp /var/tmp /dev/shm /run; do mount --bind $place $place && mount -o remount,bind,ro $place; done
	exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all --pdeathsig=KILL "$0" "$@"
' %s "$@"
`

// A server that may do nothing but listen and dial serves like any other, and
// drains.
func TestConfined(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a view of the files for a program")
	}
	t.Parallel()
	kafka := brokers(t)
	_, variants := repository(t)
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			binary, err := v.Binary(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tp := stage.MakeTopics(t, kafka, 2, "trade")
			s := stage.Start(t, confined(t, binary), tp, stage.Settings{"WS_DRAIN_SPREAD": "1s"})
			isConfined(t, s.Process.PID)

			x := stage.Symbol()
			c := stage.Dial(t, s)
			c.Join(x + ".trade")
			tp.Count(t, "trade", x, 1, 10)
			c.Counts(x+".trade", 1, 10)
			c.Close()
			if err := s.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code, err := s.Process.Wait(stage.Within(t)); err != nil || code != 0 {
				t.Errorf("its drain ended with %d, %v\n%s", code, err, s.Process.Logs())
			}
		})
	}
}

// confined gives the path of a program that confines a binary. The binary is
// copied to where everybody may read it.
func confined(t *testing.T, binary string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "confined-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(dir, filepath.Base(binary))
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "confine")
	if err := os.WriteFile(script, fmt.Appendf(nil, confine, path), 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}

// isConfined asks the kernel.
func isConfined(t *testing.T, pid int) {
	t.Helper()
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	status := read("status")
	for _, want := range []string{
		"Uid:\t65532\t65532\t65532\t65532\n", "Gid:\t65532\t65532\t65532\t65532\n", "Groups:\t \n", "NoNewPrivs:\t1\n",
		"CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "CapInh:\t0000000000000000\n", "CapAmb:\t0000000000000000\n",
	} {
		if !strings.Contains(status, want) {
			t.Errorf("its status lacks %q:\n%s", want, status)
		}
	}
	// Not even root can write where the server can look.
	for _, place := range []string{"", "tmp", "var/tmp", "dev/shm", "run"} {
		path := filepath.Join("/proc", strconv.Itoa(pid), "root", place, "written")
		if err := os.WriteFile(path, nil, 0o644); !errors.Is(err, syscall.EROFS) {
			_ = os.Remove(path)
			t.Errorf("writing to /%s: %v, want that it is read-only", place, err)
		}
	}
}
