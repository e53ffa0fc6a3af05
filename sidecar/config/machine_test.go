package config

import (
	"testing"
	"testing/fstest"
)

func TestMemoryOf(t *testing.T) {
	const meminfo = "MemTotal:       16384 kB\nMemFree:         1000 kB\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing is known", nil, 0},
		{"no cgroup", map[string]string{"proc/meminfo": meminfo}, 16 << 20},
		{"no limit", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a.slice\n", "sys/fs/cgroup/a.slice/memory.max": "max\n"}, 16 << 20},
		{"a limit", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a.slice/b\n", "sys/fs/cgroup/a.slice/b/memory.max": "4194304\n"}, 4 << 20},
		{"a limit of the group around", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a.slice/b\n",
			"sys/fs/cgroup/a.slice/memory.max": "2097152\n", "sys/fs/cgroup/a.slice/b/memory.max": "4194304\n"}, 2 << 20},
		{"in a container", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20},
		{"in a container that sees the path outside", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/1\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "3145728\n"}, 3 << 20},
		{"version 1 without a limit", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 16 << 20},
	} {
		root := fstest.MapFS{}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryOf(root); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// The defaults of memory are what fits into each other and into the machine.
func TestMemoryByDefault(t *testing.T) {
	m := Default().Memory
	all := Size(MachineMemory())
	if all == 0 {
		all = 4 << 30
	}
	if m.Process != max(all/4, 64*mib)/mib*mib || m.Session > m.Process || m.Query > m.Session || m.Query < 16*mib {
		t.Errorf("of %v: %v, %v, %v", all, m.Process, m.Session, m.Query)
	}
}
