package decomp

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/panel"
	"github.com/gpusc/gpusc/kernels"
)

// DeviceMul is DenseMul on a device, with the same bits: a, n x n, which must be
// symmetric to the bit, is copied there once, and each product moves two panels
// of vectors. done gives the memory back; the Mul must not be used afterwards.
//
// Errors, here and of Mul: those of the device.
func DeviceMul(dev device.Backend, a []float64, n int) (mul Mul, done func() error, err error) {
	d := &deviceMul{dev: dev, n: n, size: int64(n) * panel.Width * 8}
	if err := d.open(a[:n*n]); err != nil {
		_ = d.close()
		return nil, nil, err
	}
	return inPanels(n, d.mul), d.close, nil
}

// deviceMul is a matrix on a device, with room for vectors.
type deviceMul struct {
	dev     device.Backend
	s       device.Stream
	n       int
	size    int64 // bytes of a panel
	a, x, y device.Buffer
	host    device.Host // for a piece of the matrix, then for both panels
}

func (d *deviceMul) open(a []float64) (err error) {
	if d.s, err = d.dev.Stream(); err != nil {
		return err
	}
	for _, b := range []struct {
		b    *device.Buffer
		n    int64
		what string
	}{{&d.a, int64(len(a)) * 8, "covariance"}, {&d.x, d.size, "vectors"}, {&d.y, d.size, "vectors"}} {
		if *b.b, err = d.dev.Alloc(b.n, b.what); err != nil {
			return err
		}
	}
	const piece = 1 << 17 // elements of the matrix that are copied at a time
	if d.host, err = d.dev.HostAlloc(max(8*int64(min(piece, len(a))), 2*d.size), "vectors"); err != nil {
		return err
	}
	to := view[float64](d.host)
	for i := 0; i < len(a); {
		n := copy(to, a[i:])
		if err := d.s.Upload(d.a, int64(i)*8, d.host, 0, int64(n)*8); err != nil {
			return err
		}
		if err := d.s.Sync(); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// mul multiplies one panel.
func (d *deviceMul) mul(dst, src []float64) error {
	k := d.n * panel.Width
	v := view[float64](d.host)
	copy(v[:k], src)
	if err := d.s.Upload(d.x, 0, d.host, 0, d.size); err != nil {
		return err
	}
	if err := d.s.Launch(&kernels.SymMul{N: d.n, A: d.a, X: d.x, Y: d.y}); err != nil {
		return err
	}
	if err := d.s.Download(d.host, d.size, d.y, 0, d.size); err != nil {
		return err
	}
	if err := d.s.Sync(); err != nil {
		return err
	}
	copy(dst, v[k:2*k])
	return nil
}

func (d *deviceMul) close() (err error) {
	if d.s != nil {
		err = d.s.Close()
	}
	for _, b := range []device.Buffer{d.a, d.x, d.y} {
		if b != nil {
			b.Free()
		}
	}
	if d.host != nil {
		d.host.Free()
	}
	return err
}
