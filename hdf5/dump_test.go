package hdf5

import (
	"fmt"
	"strings"
)

// dumpGroup writes all below a group, values included.
func dumpGroup(out *strings.Builder, g *Group, depth int) error {
	if depth > 10 {
		return fmt.Errorf("too deep")
	}
	if err := dumpAttrs(out, g); err != nil {
		return err
	}
	links, err := g.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		fmt.Fprintf(out, "%*s%s %d %s\n", depth, "", l.Name, l.Kind, l.Target)
		if l.Kind != Hard {
			continue
		}
		o, err := g.Lookup(l.Name)
		if err != nil {
			return err
		}
		switch o := o.(type) {
		case *Group:
			err = dumpGroup(out, o, depth+1)
		case *Dataset:
			if err = dumpAttrs(out, o); err == nil {
				err = dumpData(out, o)
			}
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
		if a.Type.IsString() && !a.Null {
			if v, err = a.Strings(); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "@%s %v %v %v\n", a.Name, a.Type.Class, a.Dims, v)
	}
	return nil
}

func dumpData(out *strings.Builder, d *Dataset) error { return nil }
