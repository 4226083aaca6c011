package codec

func (s *stream) fits() bool { return false }

func (f *Inflater) packTable() {}

func (f *Inflater) fast() (done bool, err error) { return false, nil }
