package config

import (
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// MachineMemory is what the process may use: the machine's memory, or that of the cgroup that it is in where that is
// less; 0 where neither can be known.
func MachineMemory() int64 { return memoryOf(os.DirFS("/")) }

// memoryOf reads the kernel's files under root.
func memoryOf(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.SplitSeq(read(root, "proc/meminfo"), "\n") {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			least = number(strings.TrimSuffix(rest, "kB"), least>>10) << 10
		}
	}
	for line := range strings.SplitSeq(read(root, "proc/self/cgroup"), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) < 3 {
			continue
		}
		switch {
		case parts[1] == "":
			least = min(least, above(root, "sys/fs/cgroup", parts[2], "memory.max"))
		case strings.Contains(","+parts[1]+",", ",memory,"):
			least = min(least, above(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes"))
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// above is the least limit of a cgroup and those that it is in. What a container does not see of the path is passed over:
// its own group is at the mount then.
func above(root fs.FS, mount, group, file string) int64 {
	least := int64(math.MaxInt64)
	for dir := path.Join("/", group); ; dir = path.Dir(dir) {
		least = min(least, number(read(root, path.Join(mount, dir, file)), math.MaxInt64))
		if dir == "/" {
			return least
		}
	}
}

func read(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return "" // another system, or another kernel
	}
	return string(text)
}

func number(text string, otherwise int64) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 { // "max", or nothing
		return otherwise
	}
	return n
}

// share is a quarter of the machine's memory, but at least 64 MiB, and no more than most; in whole MiB.
func share(most int64) string {
	all := MachineMemory()
	if all == 0 {
		all = 4 << 30
	}
	return Size(min(max(all/4, 64*mib), most) / mib * mib).String()
}
