package anndata

import (
	"strconv"

	"github.com/gpusc/gpusc/internal/errs"
)

// Select gives the frame of the given rows, in the order given. Columns of a
// file stay unread until they are asked for. A category that no selected row
// has is dropped, as anndata does when it copies a subset.
func (f *Frame) Select(rows []int64) *Frame {
	out := &Frame{IndexName: f.IndexName, Index: take(f.Index, rows)}
	if x := f.nullableIndex; x != nil {
		out.nullableIndex = &NullableString{Values: out.Index, Mask: take(x.Mask, rows), NA: x.NA}
	}
	for _, c := range f.Cols {
		out.Cols = append(out.Cols, &Column{Name: c.Name, load: func() (any, error) {
			d, err := c.Values()
			if err != nil {
				return nil, err
			}
			return takeAny(c.Name, d, rows)
		}})
	}
	return out
}

// SelectMask gives the frame of the rows whose mask is true.
func (f *Frame) SelectMask(mask []bool) *Frame { return f.Select(Rows(mask)) }

// Rows lists the places where mask is true.
func Rows(mask []bool) []int64 {
	n := 0
	for _, m := range mask {
		if m {
			n++
		}
	}
	out := make([]int64, 0, n)
	for i, m := range mask {
		if m {
			out = append(out, int64(i))
		}
	}
	return out
}

func take[T any](v []T, rows []int64) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = v[r]
	}
	return out
}

// takeAny is take for any column data.
func takeAny(name string, data any, rows []int64) (any, error) {
	switch d := data.(type) {
	case []float64:
		return take(d, rows), nil
	case []float32:
		return take(d, rows), nil
	case []int8:
		return take(d, rows), nil
	case []int16:
		return take(d, rows), nil
	case []int32:
		return take(d, rows), nil
	case []int64:
		return take(d, rows), nil
	case []uint8:
		return take(d, rows), nil
	case []uint16:
		return take(d, rows), nil
	case []uint32:
		return take(d, rows), nil
	case []uint64:
		return take(d, rows), nil
	case []bool:
		return take(d, rows), nil
	case []string:
		return take(d, rows), nil
	case *Categorical:
		return (&Categorical{Codes: take(d.Codes, rows), Categories: d.Categories, Ordered: d.Ordered}).Compact()
	case *NullableInt:
		v, err := takeAny(name, d.Values, rows)
		return &NullableInt{Values: v, Mask: take(d.Mask, rows)}, err
	case *NullableBool:
		return &NullableBool{Values: take(d.Values, rows), Mask: take(d.Mask, rows)}, nil
	case *NullableString:
		return &NullableString{Values: take(d.Values, rows), Mask: take(d.Mask, rows), NA: d.NA}, nil
	}
	return nil, errs.New(errs.Usage, "column %q has data of type %T, which no column has", name, data)
}

// used lists the categories that some row has, in their order.
func (c *Categorical) used() []int64 {
	seen := make([]bool, max(length(c.Categories), 0))
	for _, k := range c.Codes {
		if k >= 0 {
			seen[k] = true
		}
	}
	return Rows(seen)
}

// Compact drops the categories that no row has.
func (c *Categorical) Compact() (*Categorical, error) {
	used := c.used()
	if len(used) == length(c.Categories) {
		return c, nil
	}
	cats, err := takeAny("categories", c.Categories, used)
	if err != nil {
		return nil, err
	}
	to := make([]int32, length(c.Categories))
	for i, k := range used {
		to[k] = int32(i)
	}
	out := &Categorical{Codes: make([]int32, len(c.Codes)), Categories: cats, Ordered: c.Ordered}
	for i, k := range c.Codes {
		out.Codes[i] = -1
		if k >= 0 {
			out.Codes[i] = to[k]
		}
	}
	return out, nil
}

// Names gives the categories as text.
func (c *Categorical) Names() []string { return categoryNames(c.Categories) }

func categoryNames(cats any) []string {
	s, err := formatted(cats)
	if err != nil {
		return make([]string, max(length(cats), 0))
	}
	return s
}

// formatted writes numbers and booleans as Python's str does.
func formatted(data any) ([]string, error) {
	switch d := data.(type) {
	case []string:
		return d, nil
	case []bool:
		return format(d, func(b bool) string {
			if b {
				return "True"
			}
			return "False"
		}), nil
	case []float64:
		return format(d, func(x float64) string { return pyFloat(x, 64) }), nil
	case []float32:
		return format(d, func(x float32) string { return pyFloat(float64(x), 32) }), nil
	case []int8:
		return formatInts(d), nil
	case []int16:
		return formatInts(d), nil
	case []int32:
		return formatInts(d), nil
	case []int64:
		return formatInts(d), nil
	case []uint8:
		return formatInts(d), nil
	case []uint16:
		return formatInts(d), nil
	case []uint32:
		return formatInts(d), nil
	case []uint64:
		return format(d, func(x uint64) string { return strconv.FormatUint(x, 10) }), nil
	case *NullableInt:
		s, err := formatted(d.Values)
		return blank(s, d.Mask), err
	case *NullableBool:
		s, err := formatted(d.Values)
		return blank(s, d.Mask), err
	}
	return nil, errs.New(errs.Usage, "data of type %T has no text", data)
}

func format[T any](v []T, f func(T) string) []string {
	out := make([]string, len(v))
	for i, x := range v {
		out[i] = f(x)
	}
	return out
}

func formatInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](v []T) []string {
	return format(v, func(x T) string { return strconv.FormatInt(int64(x), 10) })
}

func blank(s []string, mask []bool) []string {
	for i := range s {
		if mask[i] {
			s[i] = ""
		}
	}
	return s
}

// pyFloat writes a float so that a whole one keeps its ".0".
func pyFloat(x float64, bits int) string {
	s := strconv.FormatFloat(x, 'g', -1, bits)
	if x == float64(int64(x)) && x < 1e16 && x > -1e16 {
		return strconv.FormatFloat(x, 'f', 1, bits)
	}
	return s
}
