package manifold

import (
	"testing"
	"context"
	"time"
)

func TestFirst(t *testing.T) {
	g, x, _ := generated(t, 3000, 10, 12)
	t0:=time.Now()
	l, err := UMAP(context.Background(), g, UMAPOptions{PCA: x, PCADim: 10})
	if err != nil { t.Fatal(err) }
	t.Log(time.Since(t0), l.ComponentsOfGraph, l.A, l.B, judge(x, 10, l.Positions, 2, l.N))
	for _,init:=range []string{"pca","random"} {
	l, err = UMAP(context.Background(), g, UMAPOptions{PCA: x, PCADim: 10,Init:init})
	if err != nil { t.Fatal(err) }
	t.Log(time.Since(t0), init, judge(x, 10, l.Positions, 2, l.N))
	}
	l, err = UMAP(context.Background(), g, UMAPOptions{Components:3})
	if err != nil { t.Fatal(err) }
	t.Log(time.Since(t0), "3d", judge(x, 10, l.Positions, 3, l.N))
}
