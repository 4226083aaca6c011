package memory

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
)

// budgetShare is the part of what is there that a run takes by default: the
// rest is for the runtime, the page cache that reading needs, and others.
const budgetShare = 0.6

// DefaultBudget returns the budget for a run that was given none: 60% of the
// smallest of the machine's memory, what of it is now available, and the limit
// of the control group the process is in. reason says which one it was, for
// people to read. Where nothing is known it is 1 GiB.
func DefaultBudget() (n int64, reason string) { return defaultBudget(os.DirFS("/")) }

func defaultBudget(root fs.FS) (int64, string) {
	least, what := int64(math.MaxInt64), ""
	for _, c := range []struct {
		n    int64
		what string
	}{
		{meminfo(root, "MemTotal"), "the machine's memory"},
		{meminfo(root, "MemAvailable"), "the available memory"},
		{cgroupLimit(root), "the control group's limit"},
	} {
		if c.n > 0 && c.n < least {
			least, what = c.n, c.what
		}
	}
	if what == "" {
		return 1 << 30, "the machine's memory is not known"
	}
	n := int64(float64(least)*budgetShare) &^ (1<<20 - 1)
	return max(n, 1<<20), fmt.Sprintf("%.0f%% of %s, %s", budgetShare*100, what, Bytes(least))
}

// Physical returns the machine's memory in bytes, 0 where it is not known.
func Physical() int64 { return meminfo(os.DirFS("/"), "MemTotal") }

// CgroupLimit returns the smallest memory limit of the process's control group
// and those above it, version 1 or 2, or 0 for none.
func CgroupLimit() int64 { return cgroupLimit(os.DirFS("/")) }

// PeakRSS returns the most resident memory that the process has had so far, in
// bytes, 0 where it is not known.
func PeakRSS() int64 { return field(os.DirFS("/"), "proc/self/status", "VmHWM") }

func meminfo(root fs.FS, name string) int64 { return field(root, "proc/meminfo", name) }

// field reads "name:  123 kB" from a file of /proc.
func field(root fs.FS, file, name string) int64 {
	b, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			f := strings.Fields(v)
			if len(f) == 0 {
				return 0
			}
			n, err := strconv.ParseInt(f[0], 10, 64)
			if err != nil || n < 0 || n > math.MaxInt64>>10 {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// cgroupLimit looks at the limit of each group from the process's own up to
// the top of what is mounted, as any of them can be the one that kills.
func cgroupLimit(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	mounts := cgroupMounts(root)
	for line := range strings.Lines(string(groups)) {
		// hierarchy:controllers:path; version 2 is "0::path".
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		v2 := f[0] == "0" && f[1] == ""
		if !v2 && !strings.Contains(","+f[1]+",", ",memory,") {
			continue
		}
		for _, m := range mounts {
			if m.v2 == v2 {
				least = min(least, leastAbove(root, m, f[2]))
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// mount is a place where a hierarchy of control groups can be seen.
type mount struct {
	dir  string // without the first slash
	root string // the group that is seen as dir
	v2   bool
}

// cgroupMounts lists the memory hierarchies of mountinfo(5).
func cgroupMounts(root fs.FS) []mount {
	b, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var ms []mount
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		// 36 35 98:0 ROOT DIR OPTIONS [...] - TYPE SOURCE SUPEROPTIONS
		left, right, ok := strings.Cut(sc.Text(), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 3 {
			continue
		}
		v2 := r[0] == "cgroup2"
		if v2 || r[0] == "cgroup" && strings.Contains(","+r[2]+",", ",memory,") {
			ms = append(ms, mount{dir: strings.TrimPrefix(l[4], "/"), root: l[3], v2: v2})
		}
	}
	return ms
}

// leastAbove returns the smallest limit of group and the groups above it. In a
// container the mount may show a group lower down as its top; a group that is
// not below that one is not seen, and then the top itself is what counts.
func leastAbove(root fs.FS, m mount, group string) int64 {
	names := []string{"memory.limit_in_bytes"}
	if m.v2 {
		names = []string{"memory.max", "memory.high"}
	}
	rel := "."
	if m.root == "/" {
		rel = strings.TrimPrefix(path.Clean("/"+group), "/")
	} else if r, ok := strings.CutPrefix(group, m.root); ok {
		rel = strings.TrimPrefix(path.Clean("/"+r), "/")
	}
	least := int64(math.MaxInt64)
	for rel = path.Join(".", rel); ; rel = path.Dir(rel) {
		for _, name := range names {
			b, err := fs.ReadFile(root, path.Join(m.dir, rel, name))
			if err != nil {
				continue
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
			// "max", and the huge number of version 1, mean no limit.
			if err == nil && n > 0 && n < 1<<62 {
				least = min(least, n)
			}
		}
		if rel == "." {
			return least
		}
	}
}

// tooLarge tells of a size that overflows.
func tooLarge(name string) error {
	return errs.New(errs.Limit, "%s is larger than memory can be", name)
}
