package pass

import "testing"

func TestArrange(t *testing.T) {
	nodes := []Node{
		{Name: "qc", Local: []Fact{"totals"}, Gives: []Fact{"genes"}, On: Input},
		{Name: "filter cells", Needs: []Fact{"totals"}, Local: []Fact{"keep"}, On: Input},
		{Name: "pack", Needs: []Fact{"keep"}, Gives: []Fact{"cache"}, On: Input},
		{Name: "filter genes", Needs: []Fact{"genes"}, Local: []Fact{"mask"}, On: None},
		{Name: "totals", Needs: []Fact{"mask", "cache"}, Local: []Fact{"scale"}, On: Cache},
		{Name: "moments", Needs: []Fact{"scale", "cache"}, Gives: []Fact{"moments"}, On: Cache},
		{Name: "hvg", Needs: []Fact{"moments"}, Local: []Fact{"hvg"}, On: None},
		{Name: "write X", Needs: []Fact{"scale"}, On: Cache},
		{Name: "select", Needs: []Fact{"hvg", "cache"}, Gives: []Fact{"tiles"}, On: Cache},
		{Name: "gram", Needs: []Fact{"tiles"}, Gives: []Fact{"gram"}, On: Tiles},
		{Name: "eigen", Needs: []Fact{"gram"}, Local: []Fact{"pcs"}, On: None},
		{Name: "project", Needs: []Fact{"pcs"}, On: Tiles},
	}
	got, err := Arrange(nodes)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"input file: qc, filter cells, pack",
		"results: filter genes",
		"packed cache: totals, moments, write X",
		"results: hvg",
		"packed cache: select",
		"selected genes: gram",
		"results: eigen",
		"selected genes: project",
	}
	for i, p := range got {
		if i >= len(want) || p.Describe(nodes) != want[i] {
			t.Errorf("sweep %d: %s", i, p.Describe(nodes))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d sweeps, want %d", len(got), len(want))
	}
	if _, err := Arrange(nodes[3:]); err == nil {
		t.Error("a missing fact was not noticed")
	}
}
