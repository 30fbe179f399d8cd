package guard

import (
	"slices"
	"testing"
	"testing/fstest"
)

// files are a root file system, by path.
type files map[string]string

func (f files) fs() fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range f {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const (
	mountV2     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountV1     = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 master:2 - cgroup cgroup rw,memory\n"
	mountHybrid = mountV1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)

func TestCgroupFolders(t *testing.T) {
	for name, test := range map[string]struct {
		cgroup, mounts string
		exist          []string // folders
		cpu, memory    []string
	}{
		"none": {},
		"no mount": {
			cgroup: "0::/box\n",
		},
		"v2, a container that sees itself as the root": {
			cgroup: "0::/\n", mounts: mountV2,
			exist:  []string{"sys/fs/cgroup"},
			cpu:    []string{"sys/fs/cgroup"},
			memory: []string{"sys/fs/cgroup"},
		},
		"v2, nested": {
			cgroup: "0::/pods/pod7/box\n", mounts: mountV2,
			exist:  []string{"sys/fs/cgroup/pods/pod7/box"},
			cpu:    []string{"sys/fs/cgroup/pods/pod7/box", "sys/fs/cgroup/pods/pod7", "sys/fs/cgroup/pods", "sys/fs/cgroup"},
			memory: []string{"sys/fs/cgroup/pods/pod7/box", "sys/fs/cgroup/pods/pod7", "sys/fs/cgroup/pods", "sys/fs/cgroup"},
		},
		"v1, nested, controllers together": {
			cgroup: "4:memory:/m/box\n3:cpu,cpuacct:/c\n1:name=systemd:/\n", mounts: mountV1,
			exist:  []string{"sys/fs/cgroup/memory/m/box", "sys/fs/cgroup/cpu,cpuacct/c"},
			cpu:    []string{"sys/fs/cgroup/cpu,cpuacct/c", "sys/fs/cgroup/cpu,cpuacct"},
			memory: []string{"sys/fs/cgroup/memory/m/box", "sys/fs/cgroup/memory/m", "sys/fs/cgroup/memory"},
		},
		"v1 and v2, controllers in either": {
			cgroup: "4:memory:/box\n0::/other\n", mounts: mountHybrid,
			exist:  []string{"sys/fs/cgroup/memory/box", "sys/fs/cgroup/unified/other"},
			cpu:    []string{"sys/fs/cgroup/unified/other", "sys/fs/cgroup/unified"},
			memory: []string{"sys/fs/cgroup/memory/box", "sys/fs/cgroup/memory"},
		},
		"the host's paths, the container's folder mounted": {
			cgroup: "0::/docker/1f/inner\n",
			mounts: "30 23 0:26 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
			exist:  []string{"sys/fs/cgroup/inner"},
			cpu:    []string{"sys/fs/cgroup/inner", "sys/fs/cgroup"},
			memory: []string{"sys/fs/cgroup/inner", "sys/fs/cgroup"},
		},
		"the host's paths, the mount is the container": {
			cgroup: "4:memory:/docker/1f\n",
			mounts: "30 23 0:26 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			exist:  []string{"sys/fs/cgroup/memory"},
			memory: []string{"sys/fs/cgroup/memory"},
		},
		"outside of what is mounted": {
			cgroup: "0::/docker/1fff\n",
			mounts: "30 23 0:26 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
			exist:  []string{"sys/fs/cgroup/ff"},
			cpu:    []string{"sys/fs/cgroup"},
			memory: []string{"sys/fs/cgroup"},
		},
		"moved above its own root": {
			cgroup: "0::/../sibling\n", mounts: mountV2,
			exist:  []string{"sys/fs/cgroup"},
			cpu:    []string{"sys/fs/cgroup"},
			memory: []string{"sys/fs/cgroup"},
		},
		"mounted elsewhere, with a space": {
			cgroup: "0::/a b\n",
			mounts: `30 23 0:26 / /odd\040place rw - cgroup2 none rw` + "\n",
			exist:  []string{"odd place/a b"},
			cpu:    []string{"odd place/a b", "odd place"},
			memory: []string{"odd place/a b", "odd place"},
		},
		"mounted twice, the first cannot be seen": {
			cgroup: "0::/\n",
			mounts: "1 0 0:26 / /gone rw - cgroup2 none rw\n" + mountV2,
			exist:  []string{"sys/fs/cgroup"},
			cpu:    []string{"sys/fs/cgroup"},
			memory: []string{"sys/fs/cgroup"},
		},
		"nonsense": {
			cgroup: "\n::\n0\n0::\nx:y:z:w\n",
			mounts: "\n - \n1 2 3 4 5 - cgroup2\n1 2 3 / / rw - cgroup2 x y\n- cgroup2 a b\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := files{"proc/self/cgroup": test.cgroup, "proc/self/mountinfo": test.mounts}
			for _, folder := range test.exist {
				f[folder+"/cgroup.procs"] = ""
			}
			fsys := f.fs()
			if got := cgroupFolders(fsys, "cpu"); !slices.Equal(got, test.cpu) {
				t.Errorf("cpu: %q, want %q", got, test.cpu)
			}
			if got := cgroupFolders(fsys, "memory"); !slices.Equal(got, test.memory) {
				t.Errorf("memory: %q, want %q", got, test.memory)
			}
		})
	}
}
