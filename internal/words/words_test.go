package words

import (
	"slices"
	"testing"
)

func TestNearest(t *testing.T) {
	if d := Distance("ouput", "output"); d != 1 {
		t.Errorf("distance %d, not 1", d)
	}
	got := Nearest("louvian", []string{"batch", "louvain", "leiden", "louvain_R"}, 2)
	if !slices.Equal(got, []string{"louvain", "louvain_R"}) {
		t.Errorf("got %v", got)
	}
	if got := Nearest("x", nil, 3); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
