package bench

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestPipelineFigures has made-up runs: the median is told, a device that fails does
// not stop the others, and other bytes are seen.
func TestPipelineFigures(t *testing.T) {
	seconds := []string{"3", "1", "2"}
	n := 0
	p := &Pipeline{
		Devices: []string{"cpu", "cuda:0", "cuda:1", "cuda:2"}, Tmp: t.TempDir(),
		Runs: func(int64) int { return 3 },
		Make: func(_ context.Context, path string, _ int64) error { return os.WriteFile(path, []byte("in"), 0o600) },
		Run: func(_ context.Context, _, out, report, device string) (float64, error) {
			if device == "cuda:1" {
				return 0, errors.New("no such device")
			}
			what := map[bool]string{true: "other", false: "same"}[device == "cuda:2"]
			s := seconds[n%3]
			n++
			return 9, errors.Join(os.WriteFile(out, []byte(what), 0o600),
				os.WriteFile(report, []byte(`{"seconds":`+s+`,"peak_rss_bytes":7,"passes":1,"steps":[{"name":"one pass","seconds":`+s+`,"reading_seconds":0.5,"computing_seconds":0.25}]}`), 0o600))
		},
	}
	all, err := p.Measure(t.Context(), []int64{100})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 || all[0].Seconds != 2 || all[0].Rate != 50 || all[0].PeakRSS != 7 || len(all[0].All) != 3 || all[0].Same != nil {
		t.Fatalf("%+v", all)
	}
	if all[1].Same == nil || !*all[1].Same || all[2].Not != "no such device" || all[3].Same == nil || *all[3].Same {
		t.Fatalf("%+v", all[1:])
	}
	var b strings.Builder
	if err := PrintPipelines(&b, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one pass (reading 0.50, kernels 0.25)", "1.00 x the first's time, the same bytes", "cuda:1: not measured: no such device", "OTHER BYTES"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if left, _ := os.ReadDir(p.Tmp); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestPipelineRefuses(t *testing.T) {
	p := &Pipeline{Tmp: "/nowhere at all", Runs: func(int64) int { return 1 }}
	if _, err := p.Measure(t.Context(), []int64{1}); err == nil {
		t.Error("no error for a folder that is not there")
	}
	p = &Pipeline{
		Tmp: t.TempDir(), Devices: []string{"cpu"}, Runs: func(int64) int { return 1 },
		Make: func(context.Context, string, int64) error { return os.ErrPermission },
	}
	if _, err := p.Measure(t.Context(), []int64{1}); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine("v1", "12.4")
	if m.Version != "v1" || m.Driver != "12.4" || m.Go == "" || m.Date == "" || m.Threads < 1 {
		t.Errorf("%+v", m)
	}
}
