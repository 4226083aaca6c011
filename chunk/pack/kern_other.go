//go:build !amd64

package pack

const hasAVX2 = false

func (s *Scratch) or(blk *[blockLen]uint32) uint32 { return orGo(blk) }

func (s *Scratch) exceed(blk *[blockLen]uint32, w int, over *[window]uint32) { exceedGo(blk, w, over) }

func (s *Scratch) mask(blk *[blockLen]uint32, w int, mask *[blockLen / 64]uint64) {
	maskGo(blk, w, mask)
}

func (s *Scratch) pack(dst []byte, blk *[blockLen]uint32, w int) { packGo(dst, blk, w) }

func (s *Scratch) unpack(blk *[blockLen]uint32, src []byte, w int, add uint32) {
	unpackGo(blk, src, w, add)
}

func (s *Scratch) diff(dst, src []uint32, prev uint32) uint32 { return diffGo(dst, src, prev) }

func (s *Scratch) lessOne(dst, src []uint32) { lessOneGo(dst, src) }

func (s *Scratch) prefix(x []uint32, run uint32) (last, top uint32) { return prefixGo(x, run) }
