//go:build !amd64

package codec

func haveAdlerAVX2() bool { return false }

func adlerAVX2(*byte, int, uint32, uint32) (x2, y2 uint32) { panic("codec: no AVX2") }
