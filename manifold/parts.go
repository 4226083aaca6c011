package manifold

import "github.com/gpusc/gpusc/graph"

// parts are the connected components of a graph, in the order of their first cells.
type parts struct {
	label []int32 // component of each cell
	cells []int32 // cells by component, breadth first within
	start []int   // of each component in cells; one more than components
}

func (p *parts) count() int          { return len(p.start) - 1 }
func (p *parts) of(c int) []int32    { return p.cells[p.start[c]:p.start[c+1]] }
func (p *parts) size(c int) int      { return p.start[c+1] - p.start[c] }
func (p *parts) share(c int) float64 { return float64(p.size(c)) / float64(len(p.cells)) }

// findParts walks the edges of positive weight breadth first; the list of cells is the
// queue.
func findParts(c crew, g *graph.CSR) (*parts, error) {
	p := &parts{label: make([]int32, g.N), cells: make([]int32, 0, g.N)}
	for i := range p.label {
		p.label[i] = -1
	}
	for i := range g.N {
		if p.label[i] >= 0 {
			continue
		}
		k := int32(len(p.start))
		p.start = append(p.start, len(p.cells))
		p.label[i] = k
		p.cells = append(p.cells, int32(i))
		for head := p.start[k]; head < len(p.cells); head++ {
			if head%4096 == 0 && c.ctx.Err() != nil {
				return nil, c.ctx.Err()
			}
			idx, w := g.Row(int(p.cells[head]))
			for q, j := range idx {
				if p.label[j] < 0 && w[q] > 0 {
					p.label[j] = k
					p.cells = append(p.cells, j)
				}
			}
		}
	}
	p.start = append(p.start, len(p.cells))
	return p, nil
}
