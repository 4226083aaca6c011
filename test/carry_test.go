package test

import "testing"

// TestCarriedOver runs carry.py: what the input holds beside its counts is in the
// output, cut to the cells and genes that stay as anndata itself cuts it.
func TestCarriedOver(t *testing.T) { script(t, "carry.py") }
