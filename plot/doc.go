// Package plot draws results as people of the field expect them: an embedding
// coloured by category, and violins of QC figures. Everything is drawn from
// per-cell results, never from counts.
package plot
