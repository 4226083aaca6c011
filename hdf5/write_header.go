package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// maxMessage is the longest body of a header message.
const maxMessage = 1<<16 - 1

// outNode is an object of the file under construction, or a copied-on-write one.
// Headers are planned first, which fixes their addresses, then emitted.
type outNode interface {
	plan() error
	emit() error
}

// outObject is what groups and datasets have in common.
type outObject struct {
	w     *Writer
	path  string
	attrs []*attrWriter
	addr  int64 // of the header, 0 until planned
	size  int
	dense int64 // address of dense attribute storage, 0 for none
}

func (o *outObject) fault(kind error, format string, a ...any) *errs.E {
	return errs.At(kind, o.w.path, o.path, format, a...)
}

// place plans a header whose messages, without attributes, take the given bytes.
func (o *outObject) place(messages int) error {
	n := messages
	if o.attrsAreDense() {
		size, err := o.denseSize()
		if err != nil {
			return err
		}
		o.dense = o.w.space.alloc(int64(size))
	} else {
		for _, a := range o.attrs {
			n += 4 + a.size()
		}
	}
	if len(o.attrs) > 0 {
		n += 4 + attrInfoLen
	}
	o.size = headerPrefix + n + 4
	o.addr = o.w.space.alloc(int64(o.size))
	return nil
}

const headerPrefix = 10

// writeHeader emits the header with the messages given and the attributes.
func (o *outObject) writeHeader(messages []byte) error {
	m := messages
	if len(o.attrs) > 0 {
		info, err := o.attrInfo()
		if err != nil {
			return err
		}
		m = appendMessage(m, msgAttrInfo, 0, info)
	}
	if o.dense == 0 {
		for _, a := range o.attrs {
			b, err := a.encode(o.w)
			if err != nil {
				return err
			}
			m = appendMessage(m, msgAttribute, 0, b)
		}
	}
	// Version 2, a 4-byte size of the one block of messages, no times: the
	// bytes must follow from the data alone.
	h := append(make([]byte, 0, o.size), "OHDR\x02\x02"...)
	h = le.AppendUint32(h, uint32(len(m)))
	h = append(h, m...)
	h = le.AppendUint32(h, lookup3(h))
	if len(h) != o.size {
		return o.fault(errs.Usage, "the object changed while it was written")
	}
	return o.w.space.write(o.addr, h)
}

// appendMessage adds a message to a header's block. No caller passes a body
// beyond maxMessage.
func appendMessage(m []byte, kind, flags byte, body []byte) []byte {
	m = append(m, kind, byte(len(body)), byte(len(body)>>8), flags)
	return append(m, body...)
}

// superblock2 gives a version 2 superblock, with its checksum.
func superblock2(end, root int64) []byte {
	s := append([]byte("\x89HDF\r\n\x1a\n"), 2, 8, 8, 0)
	s = le.AppendUint64(s, 0)
	s = le.AppendUint64(s, undef)
	s = le.AppendUint64(s, uint64(end))
	s = le.AppendUint64(s, uint64(root))
	return le.AppendUint32(s, lookup3(s))
}
