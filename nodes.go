package gpusc

import (
	"context"

	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// What steps tell each other; see pass.Fact.
const (
	factCells   pass.Fact = "figures of cells"
	factKeep    pass.Fact = "cells that stay"
	factGenes   pass.Fact = "figures of genes"
	factCache   pass.Fact = "packed cache"
	factMask    pass.Fact = "genes that stay"
	factRaw     pass.Fact = "raw totals"
	factHigh    pass.Fact = "highly expressed genes"
	factTotals  pass.Fact = "totals"
	factScale   pass.Fact = "factors"
	factMoments pass.Fact = "moments"
	factLimits  pass.Fact = "limits"
	factClipped pass.Fact = "clipped moments"
	factLogs    pass.Fact = "moments of log values"
	factHVG     pass.Fact = "selected genes"
	factTiles   pass.Fact = "tiles"
	factGram    pass.Fact = "products"
	factPCs     pass.Fact = "components"
)

// arrange lists the steps of the job and puts them into sweeps.
func (j *job) arrange() ([]pass.Planned, error) {
	j.nodes = nil
	j.inputNodes()
	j.scaleNodes()
	j.hvgNodes()
	j.writeNodes()
	j.pcaNodes()
	plan, err := pass.Arrange(j.planned())
	if err != nil {
		return nil, err
	}
	for _, p := range plan {
		if p.On == pass.Cache {
			return plan, nil
		}
	}
	// Nobody reads the cache: it is not made.
	for i, n := range j.nodes {
		if n.Name == "pack" {
			j.nodes = append(j.nodes[:i], j.nodes[i+1:]...)
			break
		}
	}
	return pass.Arrange(j.planned())
}

// planned is the list of steps as the planner sees them.
func (j *job) planned() []pass.Node {
	out := make([]pass.Node, len(j.nodes))
	for i, n := range j.nodes {
		out[i] = n.Node
	}
	return out
}

func (j *job) add(n node) { j.nodes = append(j.nodes, n) }

func (j *job) filtersCells() bool {
	return j.do.filter && !j.p.cellFilter().Empty()
}

func (j *job) filtersGenes() bool {
	return j.do.filter && !j.p.geneFilter().Empty()
}

// keepFact is what a step needs that must know which cells stay.
func (j *job) keepFact() []pass.Fact {
	if j.filtersCells() {
		return []pass.Fact{factKeep}
	}
	return nil
}

// rowsFact is what a step needs that must see only the cells that stay.
func (j *job) rowsFact() []pass.Fact {
	if j.filtersCells() {
		return []pass.Fact{factCache}
	}
	return nil
}

func (j *job) maskFact() []pass.Fact {
	if j.filtersGenes() {
		return []pass.Fact{factMask}
	}
	return nil
}

func facts(lists ...[]pass.Fact) []pass.Fact {
	var out []pass.Fact
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// inputNodes are the steps of the first sweep, over the file.
func (j *job) inputNodes() {
	j.add(node{Node: pass.Node{Name: "check", On: pass.Input}, step: j.checkStep})
	if j.do.qc || j.filtersCells() || j.do.normalize {
		j.add(node{Node: pass.Node{Name: "QC of cells", On: pass.Input, Local: []pass.Fact{factCells}}, step: j.rowQCStep})
	}
	if j.filtersCells() {
		j.add(node{Node: pass.Node{Name: "filter cells", On: pass.Input, Needs: []pass.Fact{factCells}, Local: []pass.Fact{factKeep}}, step: j.filterStep})
	}
	if j.do.qc || j.filtersGenes() {
		j.add(node{Node: pass.Node{Name: "QC of genes", On: pass.Input, Needs: j.keepFact(), Gives: []pass.Fact{factGenes}}, step: j.geneQCStep})
	}
	j.add(node{Node: pass.Node{Name: "pack", On: pass.Input, Needs: j.keepFact(), Gives: []pass.Fact{factCache}}, step: j.packStep})
	if j.filtersGenes() {
		j.add(node{Node: pass.Node{Name: "filter genes", On: pass.None, Needs: []pass.Fact{factGenes}, Local: []pass.Fact{factMask}}, calc: j.filterGenes})
	}
}

// scaleNodes end with the fact factScale: the factors of normalisation.
func (j *job) scaleNodes() {
	if !j.do.normalize {
		return
	}
	j.target = j.p.TargetSum
	mask := j.maskFact()
	have := factCells // the totals of QC will do
	if j.p.MaxFraction > 0 {
		j.rawTotalsNode()
		j.add(node{
			Node: pass.Node{Name: "highly expressed genes", On: pass.Cache, Needs: []pass.Fact{factRaw}, Gives: []pass.Fact{factHigh}},
			step: j.highStep,
		})
		mask = facts(mask, []pass.Fact{factHigh})
	}
	if len(mask) > 0 {
		n := node{Node: pass.Node{Name: "totals of cells", On: pass.Cache, Needs: mask, Gives: []pass.Fact{factTotals}}, step: j.totalsStep}
		if j.target > 0 {
			n.Local = []pass.Fact{factScale}
		}
		j.add(n)
		have = factTotals
	}
	switch {
	case j.target == 0 && have == factCells:
		// The totals of all cells are known once the sweep has ended.
		j.nodes[j.find("QC of cells")].Gives = []pass.Fact{factTotals}
		fallthrough
	case j.target == 0:
		j.add(node{Node: pass.Node{Name: "median", On: pass.None, Needs: []pass.Fact{factTotals}, Local: []pass.Fact{factScale}}, calc: j.medianTarget})
	case have == factCells:
		i := j.find("QC of cells")
		j.nodes[i].Local = append(j.nodes[i].Local, factScale)
	}
}

// rawTotalsNode adds up each cell over the genes that stay, once.
func (j *job) rawTotalsNode() {
	if j.find("totals of counts") < 0 {
		j.add(node{
			Node: pass.Node{Name: "totals of counts", On: pass.Cache, Needs: facts(j.maskFact(), j.rowsFact()), Local: []pass.Fact{factRaw}},
			step: j.rawTotalsStep,
		})
	}
}

func (j *job) find(name string) int {
	for i, n := range j.nodes {
		if n.Name == name {
			return i
		}
	}
	return -1
}

// scaled says what steps on normalised values need.
func (j *job) scaled() []pass.Fact {
	if j.do.normalize {
		return []pass.Fact{factScale}
	}
	return nil
}

// hvgNodes end with the fact factHVG: which genes PCA works on.
func (j *job) hvgNodes() {
	if !j.do.hvg && !j.do.pca {
		return
	}
	last := node{Node: pass.Node{Name: "highly variable genes", On: pass.None, Needs: j.maskFact(), Local: []pass.Fact{factHVG}}, calc: j.chooseGenes}
	flavor := j.p.HVG.Flavor
	switch {
	case !j.do.hvg || flavor == "none" || len(j.p.Genes) > 0:
		last.Name = "genes of PCA"
		last.calc = j.takeGenes
	case flavor == pp.FlavorSeurat || flavor == pp.FlavorCellRanger:
		j.add(node{
			Node: pass.Node{Name: "moments", On: pass.Cache, Needs: facts(j.keepFact(), j.scaled()), Gives: []pass.Fact{factMoments}},
			step: j.momentsStep, scale: j.do.normalize,
		})
		last.Needs = append(last.Needs, factMoments)
	default:
		j.add(node{
			Node: pass.Node{Name: "moments of counts", On: pass.Cache, Needs: j.keepFact(), Gives: []pass.Fact{factMoments}},
			step: j.rawMomentsStep,
		})
		second := node{Node: pass.Node{Name: "clipped moments", On: pass.Cache, Needs: []pass.Fact{factLimits}, Gives: []pass.Fact{factClipped}}, step: j.clippedStep}
		calc := j.v3Limits
		if flavor == pp.FlavorPearson {
			second.Name, second.step, calc = "Pearson residuals", j.pearsonStep, j.pearsonLimits
			second.Needs = append(second.Needs, factRaw)
		}
		j.add(node{Node: pass.Node{Name: "limits", On: pass.None, Needs: facts(j.maskFact(), []pass.Fact{factMoments}), Local: []pass.Fact{factLimits}}, calc: calc})
		if flavor == pp.FlavorPearson {
			j.rawTotalsNode()
		}
		j.add(second)
		last.Needs = append(last.Needs, factClipped)
	}
	j.add(last)
}

// writeNodes hand X to the output while a sweep passes by.
func (j *job) writeNodes() {
	switch j.do.write {
	case "asis", "counts":
		j.add(node{Node: pass.Node{Name: "write X", On: pass.Cache, Needs: facts(j.rowsFact(), j.maskFact())}, step: j.writeSparseStep})
	case "lognorm":
		j.add(node{
			Node: pass.Node{Name: "write X", On: pass.Cache, Needs: facts(j.rowsFact(), j.maskFact(), j.scaled())},
			step: j.writeSparseStep, scale: j.do.normalize,
		})
	case "scaled":
		j.add(node{
			Node: pass.Node{Name: "moments of log values", On: pass.Cache, Needs: facts(j.keepFact(), j.scaled()), Gives: []pass.Fact{factLogs}},
			step: j.logMomentsStep, scale: j.do.normalize,
		})
		j.add(node{
			Node: pass.Node{Name: "write scaled X", On: pass.Cache, Needs: facts(j.rowsFact(), j.maskFact(), j.scaled(), []pass.Fact{factLogs})},
			step: j.writeDenseStep, scale: j.do.normalize,
		})
	}
}

// pcaNodes go from the selected genes to the projected cells.
func (j *job) pcaNodes() {
	if !j.do.pca {
		return
	}
	j.add(node{
		Node: pass.Node{Name: "select genes", On: pass.Cache, Needs: facts(j.rowsFact(), j.scaled(), []pass.Fact{factHVG}), Gives: []pass.Fact{factTiles}},
		step: j.pickStep, scale: j.do.normalize,
	})
	j.add(node{Node: pass.Node{Name: "covariance", On: pass.Tiles, Needs: []pass.Fact{factTiles}, Gives: []pass.Fact{factGram}}, calc: j.covariance})
	j.add(node{Node: pass.Node{Name: "eigenvectors", On: pass.None, Needs: []pass.Fact{factGram}, Local: []pass.Fact{factPCs}}, calc: j.eigenvectors})
	j.add(node{
		Node: pass.Node{Name: "project", On: pass.Tiles, Needs: []pass.Fact{factPCs}},
		step: j.projectStep, scale: j.do.normalize,
	})
}

// medianTarget sets the target to the median total of the cells that have counts.
func (j *job) medianTarget(context.Context) error {
	var err error
	j.target, err = pp.MedianTarget(j.totals)
	return err
}
