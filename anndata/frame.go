package anndata

import (
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// Frame is a table of annotations: obs (one row per cell), var (one row per
// gene), or a data frame kept in obsm, varm or uns.
type Frame struct {
	// IndexName is the name of the index column in the file, "_index" where it
	// has none.
	IndexName string
	Index     []string
	Cols      []*Column

	nullableIndex *NullableString // form of the index in the file, nil: plain strings
}

// Column is one column of a Frame. Data is set for a column made in memory;
// one of a file is read by Values.
//
// Data is one of []float64, []float32, []int8, []int16, []int32, []int64,
// []uint8, []uint16, []uint32, []uint64, []bool, []string, *Categorical,
// *NullableInt, *NullableBool, *NullableString.
type Column struct {
	Name string
	Data any

	load func() (any, error)
}

// Categorical is a column of few distinct values. Code -1 is a missing value.
type Categorical struct {
	Codes      []int32
	Categories any // []string, []int64, []float64 or []bool
	Ordered    bool
}

// NullableInt is a column of integers some of which are missing.
type NullableInt struct {
	Values any    // []int8 ... []uint64
	Mask   []bool // true: missing
}

// NullableBool is a column of booleans some of which are missing.
type NullableBool struct {
	Values, Mask []bool
}

// NullableString is a column of strings some of which are missing. NA says what
// pandas shows for a missing one: "NaN", "<NA>", or "" where the file is silent.
type NullableString struct {
	Values []string
	Mask   []bool
	NA     string
}

// NewFrame makes a frame of an index and no columns.
func NewFrame(index []string) *Frame { return &Frame{IndexName: "_index", Index: index} }

// Len is the number of rows.
func (f *Frame) Len() int { return len(f.Index) }

// Names lists the columns in order.
func (f *Frame) Names() []string {
	out := make([]string, len(f.Cols))
	for i, c := range f.Cols {
		out[i] = c.Name
	}
	return out
}

// Column finds a column by name; nil when there is none.
func (f *Frame) Column(name string) *Column {
	for _, c := range f.Cols {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Set adds a column or replaces the one of that name, keeping its place.
func (f *Frame) Set(name string, data any) {
	if c := f.Column(name); c != nil {
		*c = Column{Name: name, Data: data}
		return
	}
	f.Cols = append(f.Cols, &Column{Name: name, Data: data})
}

// Values gives the data of the column, reading it from the file at the first call.
// It is not safe for concurrent use.
func (c *Column) Values() (any, error) {
	if c.Data == nil && c.load != nil {
		d, err := c.load()
		if err != nil {
			return nil, err
		}
		c.Data, c.load = d, nil
	}
	return c.Data, nil
}

// Load reads every column that has not been read.
func (f *Frame) Load() error {
	for _, c := range f.Cols {
		if _, err := c.Values(); err != nil {
			return err
		}
	}
	return nil
}

// Strings gives the column as text, one string a row: what a group, batch or
// sample key is compared by. Missing values are "".
func (c *Column) Strings() ([]string, error) {
	d, err := c.Values()
	if err != nil {
		return nil, err
	}
	switch d := d.(type) {
	case []string:
		return d, nil
	case *NullableString:
		out := slices.Clone(d.Values)
		for i, m := range d.Mask {
			if m {
				out[i] = ""
			}
		}
		return out, nil
	case *Categorical:
		names := categoryNames(d.Categories)
		out := make([]string, len(d.Codes))
		for i, k := range d.Codes {
			if k >= 0 {
				out[i] = names[k]
			}
		}
		return out, nil
	}
	return formatted(d)
}

// length is the number of rows of a column's data, -1 for a type that no column has.
func length(data any) int {
	switch d := data.(type) {
	case []float64:
		return len(d)
	case []float32:
		return len(d)
	case []int8:
		return len(d)
	case []int16:
		return len(d)
	case []int32:
		return len(d)
	case []int64:
		return len(d)
	case []uint8:
		return len(d)
	case []uint16:
		return len(d)
	case []uint32:
		return len(d)
	case []uint64:
		return len(d)
	case []bool:
		return len(d)
	case []string:
		return len(d)
	case *Categorical:
		return len(d.Codes)
	case *NullableInt:
		return len(d.Mask)
	case *NullableBool:
		return len(d.Mask)
	case *NullableString:
		return len(d.Mask)
	}
	return -1
}

// check says whether data can be a column of n rows.
func check(name string, data any, n int) error {
	got := length(data)
	if got < 0 {
		return errs.New(errs.Usage, "column %q has data of type %T, which no column has", name, data)
	}
	if got != n {
		return errs.New(errs.Usage, "column %q has %d rows, its frame %d", name, got, n)
	}
	switch d := data.(type) {
	case *Categorical:
		k := length(d.Categories)
		for i, c := range d.Codes {
			if c < -1 || int(c) >= k {
				return errs.New(errs.Data, "column %q: row %d has code %d of %d categories", name, i, c, k)
			}
		}
	case *NullableInt:
		if length(d.Values) != n {
			return errs.New(errs.Usage, "column %q has %d values and a mask of %d", name, length(d.Values), n)
		}
	case *NullableBool:
		if len(d.Values) != n {
			return errs.New(errs.Usage, "column %q has %d values and a mask of %d", name, len(d.Values), n)
		}
	case *NullableString:
		if len(d.Values) != n {
			return errs.New(errs.Usage, "column %q has %d values and a mask of %d", name, len(d.Values), n)
		}
	}
	return nil
}

// Floats gives a column of numbers or booleans as float64.
//
// Errors: errs.Data for one of text.
func (c *Column) Floats() ([]float64, error) {
	d, err := c.Values()
	if err != nil {
		return nil, err
	}
	switch d := d.(type) {
	case []float64:
		return d, nil
	case []float32:
		return toFloats(d), nil
	case []int8:
		return toFloats(d), nil
	case []int16:
		return toFloats(d), nil
	case []int32:
		return toFloats(d), nil
	case []int64:
		return toFloats(d), nil
	case []uint8:
		return toFloats(d), nil
	case []uint16:
		return toFloats(d), nil
	case []uint32:
		return toFloats(d), nil
	case []uint64:
		return toFloats(d), nil
	}
	return nil, errs.New(errs.Data, "column %q holds no numbers", c.Name)
}

func toFloats[T float32 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](v []T) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
