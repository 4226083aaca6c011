package hdf5

// outSpace hands out addresses from the end of the file on and gathers small
// writes into large ones.
type outSpace struct {
	st      storage
	pos     int64  // next free address
	buf     []byte // bytes placed at flushed, not yet written
	flushed int64
}

const (
	spaceAlign  = 8
	spaceBuffer = 1 << 20
)

// alloc sets n bytes aside and returns their address, a multiple of 8.
func (s *outSpace) alloc(n int64) int64 {
	at := (s.pos + spaceAlign - 1) &^ (spaceAlign - 1)
	s.pos = at + n
	return at
}

// put places b at the end of the file.
func (s *outSpace) put(b []byte) (int64, error) {
	at := s.alloc(int64(len(b)))
	return at, s.write(at, b)
}

// write stores b at an address that alloc gave. Bytes that follow the buffer
// closely join it; the gap that alignment leaves is filled with zeros.
func (s *outSpace) write(at int64, b []byte) error {
	end := s.flushed + int64(len(s.buf))
	gap := at - end
	if gap < 0 || gap >= spaceAlign || len(s.buf)+len(b) > spaceBuffer {
		if err := s.flush(); err != nil {
			return err
		}
		if len(b) >= spaceBuffer/2 {
			_, err := s.st.WriteAt(b, at)
			return err
		}
		s.flushed, gap = at, 0
	}
	s.buf = append(append(s.buf, make([]byte, gap)...), b...)
	return nil
}

// flush writes the buffer out.
func (s *outSpace) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.st.WriteAt(s.buf, s.flushed)
	s.flushed += int64(len(s.buf))
	s.buf = s.buf[:0]
	return err
}
