package decomp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// TestGramDevices: the same bits on any number of devices, with memory of their
// own or the host's, from chunks that are packed or not.
func TestGramDevices(t *testing.T) {
	c := generate(41, 4000, 300, 60, 1024)
	c.spans = append(c.spans, chunk.Span{Row0: 4000}) // nothing
	v := c.withMoments(Values{Scale: c.scales(), Log1p: true}, true)
	v.Max = 4
	for _, kind := range []chunk.Kind{chunk.Counts, chunk.Float32} {
		c.kind, c.packed = kind, false
		for _, hot := range []int{0, 144, 300} {
			want := c.run(t, v, hot, 1, cpu.Options{Threads: 1})
			for _, devices := range []int{1, 2, 3} {
				for _, packed := range []bool{false, true} {
					for _, apart := range []bool{false, true} {
						c.packed = packed
						streams := 1 + (devices+hot)%2
						got := c.runOn(t, v, hot, onCPU(t, devices, streams, cpu.Options{Delay: uint64(devices), Poison: true, Apart: apart}))
						if !slices.Equal(got.Products, want.Products) || !slices.Equal(got.Mean, want.Mean) {
							t.Errorf("hot %d, %d devices, packed %v, apart %v: other bits than on one", hot, devices, packed, apart)
						}
					}
				}
			}
		}
	}
}

// TestGramPackedGrows: tiles with more values than room was made for, packed.
func TestGramPackedGrows(t *testing.T) {
	c := generate(6, 2500, 60, 55, 512)
	want := c.run(t, Values{}, 0, 1, cpu.Options{})
	c.packed = true
	for _, kind := range []chunk.Kind{chunk.Counts, chunk.Float64} {
		c.kind = kind
		got := c.run(t, Values{}, 0, 2, cpu.Options{Apart: true, Poison: true})
		if !slices.Equal(got.Products, want.Products) {
			t.Errorf("%v: other bits", kind)
		}
	}
}

// otherKind is a backend under another name.
type otherKind struct{ device.Backend }

func (o otherKind) Info() device.Info {
	i := o.Backend.Info()
	i.Name = "other:0"
	return i
}

func TestGramTwoKinds(t *testing.T) {
	c := generate(7, 100, 10, 5, 512)
	ds := onCPU(t, 2, 1, cpu.Options{})
	ds[1].Backend = otherKind{ds[1].Backend}
	g := &Gram{Devices: ds, Source: c, Plan: PlanGram(c.detected(), 100)}
	if _, err := g.Accumulate(context.Background()); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
}

// TestDeviceMul: the bits of DenseMul, for panels and other numbers of columns,
// and through PCA.
func TestDeviceMul(t *testing.T) {
	dev, _ := openCPU(t, 0, cpu.Options{Apart: true, Poison: true, Delay: 3})
	for _, n := range []int{1, 9, 403} {
		a := spectrum(uint64(n), cellLike(n))
		mul, done, err := DeviceMul(dev, a, n)
		if err != nil {
			t.Fatal(err)
		}
		plain := DenseMul(a, n, 2)
		for _, cols := range []int{8, 1, 11} {
			src, got, want := make([]float64, n*cols), make([]float64, n*cols), make([]float64, n*cols)
			for i := range src {
				src[i] = float64(i%17) * 0.37
			}
			if err := errors.Join(mul(got, src, cols), plain(want, src, cols)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("n %d, %d columns: other bits than on the host", n, cols)
			}
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	for _, genes := range []int{60, 400} {
		c := generate(42, 1200, genes, float64(genes)/8, 1024)
		v := c.withMoments(Values{Scale: c.scales(), Log1p: true}, true)
		var want *Result
		for _, on := range []device.Backend{nil, dev} {
			r, err := PCA(c.run(t, v, -1, 2, cpu.Options{}), PCAOptions{Components: 12, Device: on})
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = r
			}
			if !slices.Equal(r.Components, want.Components) || !slices.Equal(r.Variance, want.Variance) {
				t.Errorf("%d genes: other bits than on the host", genes)
			}
		}
	}
}

// frail is a backend whose streams fail at the n-th launch.
type frail struct {
	device.Backend
	launches *int
}

type frailStream struct {
	device.Stream
	f frail
}

func (f frail) Stream() (device.Stream, error) {
	s, err := f.Backend.Stream()
	return frailStream{s, f}, err
}

var errFrail = errors.New("the device is gone")

func (s frailStream) Launch(op device.Op) error {
	if *s.f.launches--; *s.f.launches < 0 {
		return errFrail
	}
	return s.Stream.Launch(op)
}

// TestDeviceMulFails: an error of the device comes out of the search.
func TestDeviceMulFails(t *testing.T) {
	dev, _ := openCPU(t, 0, cpu.Options{Apart: true})
	for _, n := range []int{50, 400} {
		for _, at := range []int{0, 3} {
			t.Run(fmt.Sprint(n, " ", at), func(t *testing.T) {
				left := at
				m := &Moments{Cells: 10000, Genes: n, Mean: make([]float64, n), Products: spectrum(5, cellLike(n))}
				_, err := PCA(m, PCAOptions{Components: 10, Device: frail{dev, &left}})
				if !errors.Is(err, errFrail) {
					t.Errorf("%v", err)
				}
			})
		}
	}
	if _, _, err := DeviceMul(otherKind{closed(t)}, make([]float64, 4), 2); err == nil {
		t.Error("a closed backend")
	}
}

// closed is a backend that is closed.
func closed(t *testing.T) device.Backend {
	dev, err := cpu.Open(cpu.Options{})
	if err != nil || dev.Close() != nil {
		t.Fatal(err)
	}
	return dev
}
