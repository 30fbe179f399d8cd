package guard

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// cgroupFolders are the folders that hold the files of a controller for this
// process, relative to the root: its own cgroup's, then those above it as far as
// they are mounted. Version 1 mounts each controller apart, version 2 all
// together, and a machine may have both; a controller belongs to one of them. The
// mounts are looked up (proc_pid_mountinfo(5)): by default they are below
// /sys/fs/cgroup, but nothing says so.
func cgroupFolders(fsys fs.FS, controller string) (folders []string) {
	own, version1, ok := cgroupPath(fsys, controller)
	if !ok {
		return nil
	}
	for _, m := range cgroupMounts(fsys) {
		if m.version1 != version1 || version1 && !slices.Contains(m.controllers, controller) {
			continue
		}
		for at := m.within(own); ; at = path.Dir(at) {
			folder := path.Join(m.point, at)
			if _, err := fs.Stat(fsys, folder); err == nil {
				folders = append(folders, folder)
			}
			if at == "/" {
				break
			}
		}
		if len(folders) > 0 {
			return folders // the same hierarchy, when mounted again, says the same
		}
	}
	return nil
}

// cgroupPath is the process's cgroup for a controller, from the hierarchy's root
// (cgroups(7), /proc/pid/cgroup): lines of id:controllers:path, those of version
// 2 with id 0 and no controllers.
func cgroupPath(fsys fs.FS, controller string) (own string, version1, ok bool) {
	for line := range lines(fsys, "proc/self/cgroup") {
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		if slices.Contains(strings.Split(f[1], ","), controller) {
			return path.Join("/", f[2]), true, true
		}
		if f[0] == "0" && f[1] == "" {
			own, ok = path.Join("/", f[2]), true
		}
	}
	return own, false, ok
}

// A cgroupMount is a hierarchy, or the part of it below root, seen at point.
type cgroupMount struct {
	version1    bool
	controllers []string
	root, point string
}

// within is where a cgroup lies below the mount's point. In a container that sees
// the host's paths, root is the container's own cgroup. A cgroup outside of what
// is mounted cannot be seen: the nearest is the point itself.
func (m cgroupMount) within(cgroup string) string {
	if m.root == "/" {
		return cgroup
	}
	if below, ok := strings.CutPrefix(cgroup, m.root+"/"); ok {
		return path.Join("/", below)
	}
	return "/"
}

// cgroupMounts reads lines of
//
//	35 31 0:32 /docker/1f /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
//
// with any number of fields before the dash.
func cgroupMounts(fsys fs.FS) (mounts []cgroupMount) {
	for line := range lines(fsys, "proc/self/mountinfo") {
		where, what, _ := strings.Cut(line, " - ")
		w, f := strings.Fields(where), strings.Fields(what)
		if len(w) < 5 || len(f) < 3 || f[0] != "cgroup" && f[0] != "cgroup2" {
			continue
		}
		mounts = append(mounts, cgroupMount{
			version1:    f[0] == "cgroup",
			controllers: strings.Split(f[2], ","),
			root:        unescape.Replace(w[3]),
			point:       strings.TrimPrefix(path.Join("/", unescape.Replace(w[4])), "/"),
		})
	}
	return mounts
}

// unescape undoes what mountinfo does to a path with white space in it.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// lines yields a file's lines without their ends; none if it cannot be read.
func lines(fsys fs.FS, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(host{fsys: fsys}.read(name)) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}
