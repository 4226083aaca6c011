package bench

import _ "embed"

//go:embed peers.py
var peers string

// Peers is the script that runs what gpusc is compared with: see its top.
func Peers() string { return peers }
