//go:build !amd64

package codec

func (f *Inflater) fast() (done bool, err error) { return f.fastGo() }
