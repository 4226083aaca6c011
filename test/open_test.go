package test

import "testing"

// TestGoOn runs open.py: scanpy opens every kind of output and goes on from it.
func TestGoOn(t *testing.T) { script(t, "open.py") }
