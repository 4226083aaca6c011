package hdf5

import "fmt"

// The filter ids that the reader decodes.
const (
	FilterDeflate     = 1
	FilterShuffle     = 2
	FilterFletcher32  = 3
	FilterSzip        = 4
	FilterNBit        = 5
	FilterScaleOffset = 6
	FilterLZF         = 32000
	FilterBlosc       = 32001
	FilterZstd        = 32015
)

// Filter is one step of a dataset's filter pipeline, in the order in which a
// writer applies it.
type Filter struct {
	ID       uint16   // registered id
	Optional bool     // a writer may have skipped it (see ChunkInfo.Mask)
	Params   []uint32 // client data
	Name     string   // as stored, often empty
}

// Label names the filter for a person: the common name and the id.
func (f Filter) Label() string {
	if n := filterName(f.ID); n != "" {
		return fmt.Sprintf("%s (filter %d)", n, f.ID)
	}
	if f.Name != "" {
		return fmt.Sprintf("%q (filter %d)", f.Name, f.ID)
	}
	return fmt.Sprintf("filter %d", f.ID)
}

// Short names the filter in a list: the common name, the stored one or the id.
func (f Filter) Short() string {
	if n := filterName(f.ID); n != "" {
		return n
	}
	if f.Name != "" {
		return f.Name
	}
	return fmt.Sprintf("filter %d", f.ID)
}

// filterName gives the common name of a registered filter, "" if unknown
// (The HDF Group, "Registered Filter Plugins").
func filterName(id uint16) string {
	switch id {
	case FilterDeflate:
		return "gzip"
	case FilterShuffle:
		return "shuffle"
	case FilterFletcher32:
		return "fletcher32"
	case FilterSzip:
		return "szip"
	case FilterNBit:
		return "nbit"
	case FilterScaleOffset:
		return "scaleoffset"
	case 305:
		return "lzo"
	case 307:
		return "bzip2"
	case FilterLZF:
		return "lzf"
	case FilterBlosc:
		return "blosc"
	case 32004:
		return "lz4"
	case 32008:
		return "bitshuffle"
	case 32013:
		return "zfp"
	case FilterZstd:
		return "zstd"
	case 32017:
		return "sz"
	case 32019:
		return "jpeg"
	case 32024:
		return "sz3"
	case 32026:
		return "blosc2"
	}
	return ""
}
