package bench

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// Machine says where, when and with what a measurement was made. It stands at the
// top of every JSON file that gpusc bench writes.
type Machine struct {
	Date     string `json:"date"` // UTC, RFC 3339
	Version  string `json:"version"`
	Commit   string `json:"commit"`             // of the program, "" where the build does not know it
	Modified bool   `json:"modified,omitempty"` // the tree held changes that are not in the commit
	Go       string `json:"go"`
	OS       string `json:"os"`
	CPU      string `json:"cpu"`
	Threads  int    `json:"threads"` // that the program may use at once
	Driver   string `json:"driver"`  // version of CUDA that the driver is for, "" without one
}

// ThisMachine describes the machine and the program that runs. version is the
// program's own, driver what gpusc.Devices tells.
func ThisMachine(version, driver string) Machine {
	m := Machine{
		Date: time.Now().UTC().Format(time.RFC3339), Version: version, Driver: driver,
		Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: cpuid.CPU.BrandName, Threads: runtime.GOMAXPROCS(0),
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			switch s.Key {
			case "vcs.revision":
				m.Commit = s.Value
			case "vcs.modified":
				m.Modified = s.Value == "true"
			}
		}
	}
	return m
}
