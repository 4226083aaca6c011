package test

import "testing"

// TestLiveScanpy runs parity.py: one scanpy process for all cases.
func TestLiveScanpy(t *testing.T) { script(t, "parity.py") }
