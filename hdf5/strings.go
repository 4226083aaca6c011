package hdf5

// Strings converts raw elements of a string type that were cut out of larger
// ones, the members of a compound: what StringReader does for a dataset.
// limit bounds the bytes of the strings plus 16 for each; 0 is the File's
// MaxAlloc.
func (f *File) Strings(t *Datatype, raw []byte, limit int64) ([]string, error) {
	if !t.IsString() {
		return nil, wrongType(t, "a string")
	}
	if limit <= 0 {
		limit = f.limits.MaxAlloc
	}
	return appendStrings(nil, &globalHeap{f: f}, t, raw, &budget{limit})
}
