package pp

import (
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/pass"
)

// want is one array that a step's worker needs.
type want struct {
	m    **pass.Mirror
	n    int64
	what string
}

// mirrors reserves the arrays; those made before a failure are left for Close.
func mirrors(b device.Backend, ws []want) error {
	for _, w := range ws {
		m, err := pass.NewMirror(b, w.n, w.what)
		if err != nil {
			return err
		}
		*w.m = m
	}
	return nil
}

func freeAll(ms ...*pass.Mirror) {
	for _, m := range ms {
		m.Free()
	}
}

// constant makes an array that stays as it is through the sweep.
func constant[T any](w *pass.Worker, v []T, what string) (*pass.Mirror, error) {
	var z T
	n := int64(len(v)) * int64(unsafe.Sizeof(z))
	m, err := pass.NewMirror(w.Backend, n, what)
	if err != nil {
		return nil, err
	}
	copy(pass.View[T](m, len(v)), v)
	return m, m.Up(w.Stream, n)
}

// groups writes the group of each row of a piece to m: its batch (0 without
// batches), or other where the cell filter drops it. It returns nil, for all in
// group 0, when there is nothing to tell apart.
func groups(it *pass.Item, m *pass.Mirror, batch []int32, other int32) (device.Buffer, error) {
	if batch == nil && it.Keep == nil {
		return nil, nil
	}
	g := pass.View[int32](m, it.X.Rows)
	for i := range g {
		switch {
		case it.Keep != nil && !it.Keep[i]:
			g[i] = other
		case batch != nil:
			g[i] = batch[it.Row0+int64(i)]
		default:
			g[i] = 0
		}
	}
	return m.Dev, m.Up(it.Worker.Stream, int64(len(g))*4)
}
