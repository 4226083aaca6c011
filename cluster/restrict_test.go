package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// TestRestricted: groups are split in two steps; the names are scanpy's, the others
// stay, and the part is what Leiden finds on its graph alone.
func TestRestricted(t *testing.T) {
	g := cliques(24, 8)
	coarse := make([]int32, g.N) // twelve groups of two cliques
	for i := range coarse {
		coarse[i] = int32(i / 16)
	}
	order := make([]int32, g.N)
	for i := range order {
		order[i] = int32(g.N - 1 - i)
	}
	l := memory.New(1 << 30)
	r, err := Restricted(t.Context(), g, coarse, []int32{3}, Options{Order: order, Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Names, " "); got != "0 1 2 3,0 3,1 4 5 6 7 8 9 10 11" {
		t.Errorf("names %q", got)
	}
	for i, c := range coarse {
		want := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}[c]
		if c == 3 {
			want = []string{"3,0", "3,1"}[i/8%2]
		}
		if r.Names[r.Labels[i]] != want {
			t.Fatalf("cell %d is in %q, not %q", i, r.Names[r.Labels[i]], want)
		}
	}
	if len(l.Leaks()) > 0 || l.Peak() == 0 {
		t.Errorf("left %v, peak %d", l.Leaks(), l.Peak())
	}
	again, err := RestrictedNamed(t.Context(), g, r.Labels, r.Names, []string{"3,1", "10"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(again.Names, " "); got != "0 1 2 3,0 3,1-10,0 3,1-10,1 3,1-10,2 4 5 6 7 8 9 11" {
		t.Errorf("names %q", got)
	}
	if len(again.Cells) != 24 || again.Part.Clusters != 3 || !slices.IsSorted(again.Cells) {
		t.Errorf("%d cells in %d communities", len(again.Cells), again.Part.Clusters)
	}
}

// TestRestrictedAll: all labels together are the whole graph.
func TestRestrictedAll(t *testing.T) {
	g, _ := mixture(1500, 6, 0.1, 15, 13)
	whole := sound(t, g, Options{})
	r, err := Restricted(t.Context(), g, make([]int32, g.N), []int32{0}, Options{})
	if err != nil || !slices.Equal(r.Part.Labels, whole.Labels) || !slices.Equal(r.Labels, whole.Labels) {
		t.Errorf("other communities than Leiden's: %v", err)
	}
	// Two groups: the edges between them and the rest are gone.
	r, err = Restricted(t.Context(), g, whole.Labels, []int32{1, 2}, Options{Resolution: 3})
	if err != nil {
		t.Fatal(err)
	}
	if bad := disconnected(g, r.Labels); bad > 0 {
		t.Errorf("%d disconnected", bad)
	}
	if n := len(r.Names); n != whole.Clusters-2+r.Part.Clusters || r.Part.Clusters < 3 {
		t.Errorf("%d names, %d communities", n, r.Part.Clusters)
	}
}

func TestRestrictedRefuses(t *testing.T) {
	g := cliques(3, 4)
	labels := make([]int32, g.N)
	call := func(labels, only []int32) error {
		_, err := Restricted(t.Context(), g, labels, only, Options{})
		return err
	}
	minus, wild := slices.Clone(labels), slices.Clone(labels)
	minus[3], wild[3] = -1, 2_000_000_000
	for name, err := range map[string]error{
		"short": call(labels[:2], []int32{0}), "none": call(labels, nil), "absent": call(labels, []int32{7}),
		"twice": call(labels, []int32{0, 0}), "negative": call(minus, []int32{0}), "wild": call(wild, []int32{0}),
	} {
		if !errors.Is(err, errs.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Restricted(t.Context(), nil, nil, nil, Options{}); !errors.Is(err, errs.Usage) {
		t.Errorf("no graph: %v", err)
	}
}

func TestNatural(t *testing.T) {
	want := []string{"", "0", "01", "1", "2", "2,0", "2,1", "2,10", "2-3,0", "10", "10,0", "100000000000000000000000", "A1", "A2", "A10", "B", "B cells", "b"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, natural)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
