package hdf5

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gpusc/gpusc/internal/errs"
)

// Ref points to a group or dataset of the file under construction; as the value
// of an attribute it becomes an object reference.
type Ref struct{ to *outObject }

// attrWriter is an attribute on its way into a file.
type attrWriter struct {
	name  string
	typ   []byte
	space []byte
	data  []byte
	refs  []refAt // places in data that hold addresses of objects
}

// refAt is a place that takes the address of an object once that is known.
type refAt struct {
	at     int
	to     *outObject // nil: look source up
	source sourceKey  // an object of another file that must have been copied
	what   string     // for the error where it was not
}

// SetAttr writes an attribute of the group; see the package's list of values:
// string, []string, int, int64, []int64, float64, []float64, bool, []bool, Ref
// and []Ref. An attribute of that name is replaced. Strings are of variable
// length and UTF-8, booleans are h5py's enumeration, as anndata has them. There
// is no limit on the length of a list.
func (g *GroupWriter) SetAttr(name string, v any) error {
	g.touch()
	return g.setAttr(name, v)
}

// SetAttr writes an attribute of the dataset, as GroupWriter.SetAttr does.
func (d *DatasetWriter) SetAttr(name string, v any) error { return d.setAttr(name, v) }

func (o *outObject) setAttr(name string, v any) error {
	if err := o.w.ready(); err != nil {
		return err
	}
	if name == "" || len(name) > 1<<15 || strings.IndexByte(name, 0) >= 0 {
		return o.fault(errs.Usage, "%q cannot be the name of an attribute", name)
	}
	a := &attrWriter{name: name}
	if err := a.set(o, v); err != nil {
		return err
	}
	o.addAttr(a)
	return nil
}

func (o *outObject) addAttr(a *attrWriter) {
	for i, old := range o.attrs {
		if old.name == a.name {
			o.attrs[i] = a
			return
		}
	}
	o.attrs = append(o.attrs, a)
}

// set encodes a Go value.
func (a *attrWriter) set(o *outObject, v any) error {
	var t *Datatype
	n := -1 // elements, -1 for a scalar
	switch v := v.(type) {
	case string:
		return a.setStrings(o, []string{v}, nil)
	case []string:
		return a.setStrings(o, v, []int64{int64(len(v))})
	case int:
		t, a.data = Int64(), le.AppendUint64(nil, uint64(v))
	case int64:
		t, a.data = Int64(), le.AppendUint64(nil, uint64(v))
	case []int64:
		t, n = Int64(), len(v)
		for _, x := range v {
			a.data = le.AppendUint64(a.data, uint64(x))
		}
	case float64:
		t, a.data = Float64(), le.AppendUint64(nil, math.Float64bits(v))
	case []float64:
		t, n = Float64(), len(v)
		for _, x := range v {
			a.data = le.AppendUint64(a.data, math.Float64bits(x))
		}
	case bool:
		t, a.data = Bool(), []byte{boolByte(v)}
	case []bool:
		t, n = Bool(), len(v)
		for _, x := range v {
			a.data = append(a.data, boolByte(x))
		}
	case Ref:
		t = ObjectRef()
		a.addRef(o, v)
	case []Ref:
		t, n = ObjectRef(), len(v)
		for _, x := range v {
			a.addRef(o, x)
		}
	default:
		return o.fault(errs.Usage, "attribute %s cannot hold a %T", a.name, v)
	}
	for _, r := range a.refs {
		if r.to == nil || r.to.w != o.w {
			return o.fault(errs.Usage, "attribute %s refers to an object of another file", a.name)
		}
	}
	return a.shape(t, n)
}

func (a *attrWriter) addRef(o *outObject, r Ref) {
	a.refs = append(a.refs, refAt{at: len(a.data), to: r.to, what: "attribute " + a.name + " of " + o.path})
	a.data = append(a.data, make([]byte, 8)...)
}

// shape sets the type and the dataspace for n elements, -1 for a scalar.
func (a *attrWriter) shape(t *Datatype, n int) (err error) {
	a.space = encodeSpace(nil, false)
	if n >= 0 {
		a.space = encodeSpace([]int64{int64(n)}, false)
	}
	a.typ, err = encodeType(t)
	return err
}

func (a *attrWriter) setStrings(o *outObject, v []string, dims []int64) error {
	for _, s := range v {
		var err error
		if a.data, err = o.w.heap.ref(a.data, []byte(s), len(s)); err != nil {
			return o.w.fail(err)
		}
	}
	a.space = encodeSpace(dims, false)
	var err error
	a.typ, err = encodeType(VLenString())
	return err
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// size returns the length of the message body.
func (a *attrWriter) size() int {
	return 9 + len(a.name) + 1 + len(a.typ) + len(a.space) + len(a.data)
}

// encode gives the body of the attribute message, references filled in.
func (a *attrWriter) encode(w *Writer) ([]byte, error) {
	if err := fillRefs(w, a.data, a.refs); err != nil {
		return nil, err
	}
	b := make([]byte, 0, a.size())
	b = append(b, 3, 0)
	b = le.AppendUint16(b, uint16(len(a.name)+1))
	b = le.AppendUint16(b, uint16(len(a.typ)))
	b = le.AppendUint16(b, uint16(len(a.space)))
	b = append(b, nameCharset(a.name))
	b = append(append(b, a.name...), 0)
	return append(append(append(b, a.typ...), a.space...), a.data...), nil
}

// nameCharset tells names in UTF-8 (1) from other bytes, which are left as ASCII (0).
func nameCharset(name string) byte { return boolByte(utf8.ValidString(name)) }
