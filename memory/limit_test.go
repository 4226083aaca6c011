package memory

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gpusc/gpusc/internal/errs"
)

func files(kv ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = &fstest.MapFile{Data: []byte(kv[i+1])}
	}
	return m
}

const v2Mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"

func TestCgroupLimit(t *testing.T) {
	for name, c := range map[string]struct {
		fs   fstest.MapFS
		want int64
	}{
		"nothing known": {files(), 0},
		"version 2, the group above is smaller": {files(
			"proc/self/cgroup", "0::/a.slice/b.scope\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/a.slice/memory.max", "1000\n",
			"sys/fs/cgroup/a.slice/b.scope/memory.max", "5000\n",
		), 1000},
		"version 2, throttled": {files(
			"proc/self/cgroup", "0::/a\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/a/memory.max", "max\n", "sys/fs/cgroup/a/memory.high", "700\n",
		), 700},
		"version 2 in a container": {files(
			"proc/self/cgroup", "0::/\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/memory.max", "123456\n",
		), 123456},
		"version 2, none": {files(
			"proc/self/cgroup", "0::/a\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/a/memory.max", "max\n",
		), 0},
		"version 1": {files(
			"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n",
			"proc/self/mountinfo", "31 23 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"+
				"32 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n",
		), 4096},
		"version 1, no limit": {files(
			"proc/self/cgroup", "4:memory:/\n",
			"proc/self/mountinfo", "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n",
		), 0},
		"torn": {files("proc/self/cgroup", "0:\n::\n0::/../..\n", "proc/self/mountinfo", " - \nx - cgroup2\n"+v2Mount), 0},
	} {
		if got := cgroupLimit(c.fs); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}

func TestDefaultBudget(t *testing.T) {
	f := files("proc/meminfo", "MemTotal:  10485760 kB\nMemFree: 1 kB\nMemAvailable: 5242880 kB\n")
	n, why := defaultBudget(f)
	if n != 3<<30 || !strings.Contains(why, "60% of the available memory, 5.0 GiB") {
		t.Errorf("%d, %s", n, why)
	}
	f["proc/self/cgroup"] = &fstest.MapFile{Data: []byte("0::/\n")}
	f["proc/self/mountinfo"] = &fstest.MapFile{Data: []byte(v2Mount)}
	f["sys/fs/cgroup/memory.max"] = &fstest.MapFile{Data: []byte("1073741824")}
	if n, why = defaultBudget(f); n != 614<<20 || !strings.Contains(why, "control group") {
		t.Errorf("%d, %s", n, why)
	}
	if n, _ = defaultBudget(files("proc/meminfo", "MemTotal: kB\n")); n != 1<<30 {
		t.Errorf("%d where nothing is known", n)
	}
}

func TestThisMachine(t *testing.T) {
	if Physical() == 0 {
		t.Skip("no /proc here")
	}
	n, why := DefaultBudget()
	if n <= 0 || n > Physical() || why == "" {
		t.Errorf("budget %d (%s) of %d", n, why, Physical())
	}
	if PeakRSS() < 1<<20 || PeakRSS() > Physical() {
		t.Errorf("peak %d", PeakRSS())
	}
}

func TestPool(t *testing.T) {
	l := New(1000)
	if _, err := NewPool[uint64](l, Host, "big", 2, 100); !errors.Is(err, errs.Budget) {
		t.Fatal(err)
	}
	if _, err := NewPool[uint64](l, Host, "huge", 1<<40, 1<<40); !errors.Is(err, errs.Limit) {
		t.Fatal(err)
	}
	p, err := NewPool[uint32](l, Host, "buffers", 2, 100)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := p.Get()
	b, _ := p.Get()
	if _, err := p.Get(); !errors.Is(err, errs.Limit) || len(a) != 100 || len(b) != 100 {
		t.Fatal(err)
	}
	if l.Used(Host) != 800 {
		t.Fatalf("%d reserved", l.Used(Host))
	}
	p.Put(a[:3])
	p.Put(make([]uint32, 5)) // not of this pool
	if c, err := p.Get(); err != nil || len(c) != 100 || &c[0] != &a[0] {
		t.Fatal("the slice did not come back")
	}
	if out := p.Close(); out != 2 || len(l.Leaks()) != 0 {
		t.Fatalf("%d out, leaks %v", out, l.Leaks())
	}
}
