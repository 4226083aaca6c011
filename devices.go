package gpusc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// DeviceList is what Devices finds.
type DeviceList struct {
	Devices []device.Info `json:"devices"`
	Driver  string        `json:"driver,omitempty"` // version of CUDA that the driver is for
	Notes   []string      `json:"notes"`

	trouble error // why there is no GPU, or not all of them
}

// Devices lists where kernels can run in this build on this machine, and says
// why others cannot.
func Devices() *DeviceList {
	d := &DeviceList{}
	if b, err := cpu.Open(cpu.Options{Ledger: memory.New(0)}); err == nil {
		d.Devices = append(d.Devices, b.Info())
		_ = b.Close()
	}
	kind := gpuKind()
	if kind == nil {
		d.Notes = append(d.Notes, "cuda is not in this build (make build-cuda)")
		return d
	}
	found, err := kind.list()
	d.Devices = append(d.Devices, found...)
	if len(found) > 0 {
		d.Driver = kind.driver()
		d.Notes = append(d.Notes, "the driver is for CUDA "+d.Driver)
	}
	if err != nil {
		d.Notes = append(d.Notes, err.Error())
		d.trouble = err
	}
	return d
}

// Print writes the list for a person.
func (d *DeviceList) Print(w interface{ Write([]byte) (int, error) }) error {
	for _, i := range d.Devices {
		if _, err := fmt.Fprintf(w, "%-8s %s, %s, %s, %d at once\n", i.Name, i.Model, i.Compute, memory.Bytes(i.Memory), i.Parallelism); err != nil {
			return err
		}
	}
	for _, n := range d.Notes {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
	}
	return nil
}

// Finding is one thing that Doctor looked at.
type Finding struct {
	What   string `json:"what"`
	Found  string `json:"found"`
	OK     bool   `json:"ok"`
	Remedy string `json:"remedy,omitempty"`
}

// Diagnosis is what Doctor finds.
type Diagnosis struct {
	Findings []Finding `json:"findings"`
}

// Doctor looks at what this machine has for a run with these options.
func Doctor(o Options) *Diagnosis {
	d := &Diagnosis{}
	add := func(what, found string, ok bool, remedy string) {
		if ok {
			remedy = ""
		}
		d.Findings = append(d.Findings, Finding{what, found, ok, remedy})
	}
	list := Devices()
	for _, i := range list.Devices {
		if i.Name != "cpu" {
			add(i.Name, fmt.Sprintf("%s, %s, %s, driver for CUDA %s", i.Model, i.Compute, memory.Bytes(i.Memory), list.Driver), true, "")
			continue
		}
		fast := strings.Contains(i.Compute, "avx2") || strings.Contains(i.Compute, "avx512")
		add("processor", fmt.Sprintf("%s, %d cores, %s", i.Model, runtime.NumCPU(), i.Compute), fast,
			"the fast kernels want AVX2; this processor uses the portable ones")
	}
	add("threads", fmt.Sprint(runtime.GOMAXPROCS(0)), runtime.GOMAXPROCS(0) > 1, "one thread only: is GOMAXPROCS or a cgroup's cpu.max set?")
	phys, limit := memory.Physical(), memory.CgroupLimit()
	add("memory", memory.Bytes(phys), phys >= 1<<30, "less than 1 GiB")
	if limit > 0 && limit < phys {
		add("cgroup memory limit", memory.Bytes(limit), limit >= 512<<20, "raise memory.max, or the job's memory request")
	}
	budget, why := memory.DefaultBudget()
	if o.Memory > 0 {
		budget, why = o.Memory, "--memory"
	}
	add("budget", fmt.Sprintf("%s (%s)", memory.Bytes(budget), why), budget >= 256<<20 && (phys == 0 || budget <= phys), "give --memory between 256MiB and what the machine has")
	tmp := o.Tmp
	if tmp == "" {
		tmp = os.TempDir()
	}
	free, err := freeSpace(tmp)
	if err != nil {
		add("scratch", tmp+": "+err.Error(), false, "name a folder that can be written with --tmp")
	} else {
		add("scratch", fmt.Sprintf("%s, %s free", tmp, memory.Bytes(free)), free >= 1<<30, "scratch holds about 2 bytes for each stored value: name a larger disk with --tmp")
	}
	if list.trouble != nil {
		found, remedy := list.trouble.Error(), "use --device cpu"
		if e := (*errs.E)(nil); errors.As(list.trouble, &e) {
			found, remedy = e.Msg, e.Remedy
		}
		add("GPU", found, false, remedy)
	} else if gpuKind() == nil {
		add("GPU", "not in this build (make build-cuda)", true, "")
	}
	return d
}

// freeSpace makes sure that a file can be made in dir and returns the room there.
func freeSpace(dir string) (int64, error) {
	f, err := os.CreateTemp(dir, ".gpusc-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// Print writes the findings for a person.
func (d *Diagnosis) Print(w interface{ Write([]byte) (int, error) }) error {
	var b strings.Builder
	for _, f := range d.Findings {
		mark := "ok  "
		if !f.OK {
			mark = "LOOK"
		}
		fmt.Fprintf(&b, "%s  %-20s %s\n", mark, f.What, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "      -> %s\n", f.Remedy)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
