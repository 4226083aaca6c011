package codec

import "hash/adler32"

// Adler32 is the checksum of RFC 1950.
func Adler32(b []byte) uint32 { return adler32.Checksum(b) }
