package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// confinedArg is the first argument by which this program becomes the child that confines itself.
const confinedArg = "confined-in"

// confine is the command line by which this program runs another inside of an image's files as a container engine does with
// a read-only root, no capabilities, and no way to more.
func confine(root string, is inspected, argv []string) (args []string, err error) {
	uid, gid, ok := strings.Cut(is.Config.User, ":")
	_, uidErr := strconv.Atoi(uid)
	_, gidErr := strconv.Atoi(gid)
	if !ok || uidErr != nil || gidErr != nil || uid == "0" || gid == "0" {
		return nil, fmt.Errorf("its user is %q: want two numbers, and not root's", is.Config.User)
	}
	return append([]string{confinedArg, root, uid, gid}, argv...), nil
}

// confinedChild never returns where it is asked for.
func confinedChild() {
	if len(os.Args) < 6 || os.Args[1] != confinedArg {
		return
	}
	err := becomeConfined(os.Args[2], os.Args[3], os.Args[4], os.Args[5:])
	fmt.Fprintf(os.Stderr, "images: run %s confined: %v\n", os.Args[5], err)
	os.Exit(125)
}

// becomeConfined executes a program in place of this one; it returns only an error.
func becomeConfined(root, uid, gid string, argv []string) error {
	// Namespaces, roots and privileges are a thread's, and the process becomes the thread that executes.
	runtime.LockOSThread()
	u, uErr := strconv.Atoi(uid)
	g, gErr := strconv.Atoi(gid)
	if err := errors.Join(uErr, gErr); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"leave the mounts of others", func() error { return unix.Unshare(unix.CLONE_NEWNS) }},
		{"keep mounts to itself", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"mount the root", func() error { return unix.Mount(root, root, "", unix.MS_BIND, "") }},
		{"mount /proc", func() error {
			return unix.Mount("proc", root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}},
		{"make the root read-only", func() error { return unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "") }},
		{"enter the root", func() error { return unix.Chroot(root) }},
		{"enter the root's folder", func() error { return unix.Chdir("/") }},
		{"renounce capabilities", renounce},
		{"renounce new privileges", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"leave groups", func() error { return unix.Setgroups(nil) }},
		{"become the group", func() error { return unix.Setresgid(g, g, g) }},
		{"become the user", func() error { return unix.Setresuid(u, u, u) }},
		// A change of the user forgets it.
		{"die with the parent", func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return unix.Exec(path, argv, ownEnvironment(os.Environ()))
}

// renounce takes every capability out of what a program could ever have.
func renounce() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > unix.CAP_BPF { // the kernel has no more
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// ownEnvironment is of an environment what an image and its settings say; the rest is the caller's.
func ownEnvironment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(kv string) bool {
		return !slices.ContainsFunc([]string{"PATH=", "WS_", "KAFKA_", "LOG_"}, func(begin string) bool { return strings.HasPrefix(kv, begin) })
	})
}
