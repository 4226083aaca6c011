package pass

import (
	"fmt"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// Fact is the name of something a step needs or gives.
type Fact string

// Data says what a step can read its cells from.
type Data uint8

// The places where cells lie, dearest first.
const (
	Input Data = iota // the file
	Cache             // the packed cache of all genes; the file, when nothing has to be waited for
	Tiles             // the packed cache of the selected genes, in fixed row tiles
	None              // the step reads no cells: it works on results
)

func (d Data) String() string {
	return [...]string{"input file", "packed cache", "selected genes", "results"}[d]
}

// Node is a step as the planner sees it.
type Node struct {
	Name  string
	Needs []Fact // what must be known before it starts
	// Local facts are about the piece at hand: a later step of the same sweep
	// may use them. Facts given by Gives hold only once the sweep has ended.
	Local, Gives []Fact
	On           Data
}

// Planned is one sweep (or, with On None, one calculation on results).
type Planned struct {
	On    Data
	Nodes []int // positions in the list given to Arrange, in its order
}

// Arrange puts the nodes, which stand in an order that would work one by one,
// into the fewest sweeps. Each node joins the earliest sweep over its data that
// comes after everything it needs.
func Arrange(nodes []Node, known ...Fact) ([]Planned, error) {
	// A fact's stage is the number of the first sweep that may use it.
	type stage struct{ local, after int }
	at := map[Fact]stage{}
	for _, f := range known {
		at[f] = stage{0, 0}
	}
	stageOf := make([]int, len(nodes))
	var sweeps []Planned
	first := map[int]int{} // stage*4+data -> position in sweeps
	for i, n := range nodes {
		s := 0
		for _, f := range n.Needs {
			t, ok := at[f]
			if !ok {
				return nil, errs.New(errs.Usage, "step %q needs %q, which no step before it gives", n.Name, f)
			}
			s = max(s, t.local)
		}
		stageOf[i] = s
		on := n.On
		if on == Cache && s == 0 {
			on = Input // it can ride along with the first read
		}
		key := s*4 + int(on)
		j, ok := first[key]
		if !ok {
			j = len(sweeps)
			first[key] = j
			sweeps = append(sweeps, Planned{On: on})
		}
		sweeps[j].Nodes = append(sweeps[j].Nodes, i)
		after := s + 1
		if n.On == None {
			after = s // a calculation takes no sweep
		}
		for _, f := range n.Local {
			at[f] = stage{s, s}
		}
		for _, f := range n.Gives {
			at[f] = stage{after, after}
		}
	}
	// Within one stage, calculations come first: the stage's sweeps may use them.
	slices.SortStableFunc(sweeps, func(a, b Planned) int {
		sa, sb := stageOf[a.Nodes[0]], stageOf[b.Nodes[0]]
		if sa != sb {
			return sa - sb
		}
		return order(a.On) - order(b.On)
	})
	return sweeps, nil
}

// order puts results before the sweeps of the same stage.
func order(d Data) int { return (int(d) + 1) % 4 }

// Describe names the nodes of a sweep.
func (p Planned) Describe(nodes []Node) string {
	s := ""
	for _, i := range p.Nodes {
		if s != "" {
			s += ", "
		}
		s += nodes[i].Name
	}
	return fmt.Sprintf("%s: %s", p.On, s)
}
