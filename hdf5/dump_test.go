package hdf5

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"
)

// dump reads all of a file into text, values included.
func dump(b []byte) (string, error) {
	f, err := NewFile(bytes.NewReader(b), int64(len(b)), "dump")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = dumpGroup(&out, f.Root(), map[uint64]bool{})
	return out.String(), errors.Join(err, f.Verify(context.Background(), VerifyOptions{}))
}

func dumpGroup(out *strings.Builder, g *Group, seen map[uint64]bool) error {
	seen[g.Addr()] = true
	if err := dumpAttrs(out, g); err != nil {
		return err
	}
	links, err := g.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		fmt.Fprintf(out, "%s %d %s\n", l.Name, l.Kind, l.Target)
		if l.Kind != Hard || seen[l.Addr] {
			continue
		}
		o, err := g.Lookup(l.Name)
		if err != nil {
			return err
		}
		switch o := o.(type) {
		case *Group:
			err = dumpGroup(out, o, seen)
		case *Dataset:
			err = errors.Join(dumpAttrs(out, o), dumpData(out, o))
		case *NamedType:
			err = dumpAttrs(out, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func dumpAttrs(out *strings.Builder, o Object) error {
	as, err := o.Attrs()
	if err != nil {
		return err
	}
	for _, a := range as {
		var v any = a.Raw()
		switch {
		case a.Null:
			v = nil
		case a.Type.IsString():
			v, err = a.Strings()
		case a.Type.hasHeap() || a.Type.hasRef():
			v = "elsewhere"
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "@%s %v %d %v %v\n", a.Name, a.Type.Class, a.Type.Size, a.Dims, v)
	}
	return nil
}

func dumpData(out *strings.Builder, d *Dataset) error {
	const limit = 1 << 30
	l := d.Layout()
	fmt.Fprintf(out, "%v %d %v %v %v\n", d.Type().Class, d.Type().Size, d.Dims(), l.Chunk, d.FillValue())
	var v any
	var err error
	switch {
	case d.Null():
	case d.Type().IsString():
		v, err = d.ReadStrings(limit)
	case d.Type().hasHeap() || d.Type().hasRef():
		v = "elsewhere"
	default:
		var b []byte
		b, err = d.ReadBytes(limit)
		v = xxh3.Hash(b)
	}
	fmt.Fprintf(out, "%v\n", v)
	return err
}
