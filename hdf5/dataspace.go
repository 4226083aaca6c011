package hdf5

// maxRank is the most dimensions that the format allows.
const maxRank = 32
