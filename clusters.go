package gpusc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/cluster"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/words"
)

// palette20 are scanpy's colours of up to 20 groups (vega_20_scanpy).
func palette20() []string {
	return []string{
		"#1f77b4", "#ff7f0e", "#279e68", "#d62728", "#aa40fc", "#8c564b", "#e377c2", "#b5bd61", "#17becf", "#aec7e8",
		"#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d", "#9edae5", "#ad494a", "#8c6d31",
	}
}

// leiden clusters the cells, once for each resolution or some groups again.
func (c *cellGraph) leiden(ctx context.Context) ([]string, error) {
	o := c.clusterOptions()
	l := &c.p.Leiden
	if l.RestrictTo != nil {
		o.Resolution = l.Resolution[0]
		r, err := cluster.RestrictedNamed(ctx, c.conn, c.labels, c.groups, c.only, o)
		if err != nil {
			return nil, err
		}
		return c.addClusters(l.KeyAdded, r.Labels, r.Names, l.Resolution[0], r.Part)
	}
	all, err := cluster.Several(ctx, c.conn, l.Resolution, o)
	if err != nil {
		return nil, err
	}
	var told []string
	for i, r := range all {
		names := make([]string, r.Clusters)
		for q := range names {
			names[q] = strconv.Itoa(q)
		}
		key := l.KeyAdded
		if len(all) > 1 {
			key += "_res_" + resolutionName(l.Resolution[i])
		}
		t, err := c.addClusters(key, r.Labels, names, l.Resolution[i], r)
		if err != nil {
			return nil, err
		}
		told = append(told, t...)
	}
	return told, nil
}

// resolutionName writes a resolution with two places or as many as it has.
func resolutionName(r float64) string {
	s := strconv.FormatFloat(r, 'f', -1, 64)
	if _, places, _ := strings.Cut(s, "."); len(places) < 2 {
		s = strconv.FormatFloat(r, 'f', 2, 64)
	}
	return s
}

// addClusters keeps a column of obs for the end, and writes what belongs to it in uns.
func (c *cellGraph) addClusters(key string, labels []int32, names []string, resolution float64, r *cluster.Result) ([]string, error) {
	c.columns = append(c.columns, &anndata.Column{Name: key, Data: &anndata.Categorical{Codes: labels, Categories: names}})
	iterations := c.p.Leiden.Iterations
	if iterations == 0 {
		iterations = 2
	}
	err := c.setUns(key, map[string]any{
		"params":     map[string]any{"resolution": resolution, "random_state": int64(c.e.o.Seed), "n_iterations": iterations},
		"modularity": r.Quality, // with the resolution, as igraph and so scanpy give it
	})
	if err != nil {
		return nil, err
	}
	colours := "uns/" + key + "_colors"
	c.written = append(c.written, colours)
	if err := c.out.Delete(colours); err != nil {
		return nil, err
	}
	if p := palette20(); len(names) <= len(p) { // more: scanpy chooses when it draws
		if err := c.out.SetUns(key+"_colors", p[:len(names)]); err != nil {
			return nil, err
		}
	}
	c.result(key, map[string]any{"clusters": len(names), "modularity": r.Modularity, "quality": r.Quality, "resolution": resolution})
	return []string{fmt.Sprintf("%s: %d clusters", key, len(names)), fmt.Sprintf("modularity %.4f", r.Modularity)}, nil
}

// restrict reads the column of obs that RestrictTo names and finds its groups.
func (c *cellGraph) restrict(in *anndata.File) error {
	r := c.p.Leiden.RestrictTo
	obs, err := in.Obs()
	if err != nil {
		return err
	}
	col := obs.Column(r.Key)
	if col == nil {
		return errs.At(errs.Usage, c.path, "obs", "there is no column %q for --restrict-to", r.Key).
			Do("choose one of %s", strings.Join(words.Nearest(r.Key, obs.Names(), 5), ", "))
	}
	text, err := col.Strings()
	if err != nil {
		return err
	}
	number := map[string]int32{}
	c.labels = make([]int32, len(text))
	for i, s := range text {
		if s == "" {
			return errs.At(errs.Data, c.path, "obs/"+r.Key, "cell %d has no group", i).Do("give every cell one")
		}
		k, ok := number[s]
		if !ok {
			k = int32(len(c.groups))
			number[s] = k
			c.groups = append(c.groups, s)
		}
		c.labels[i] = k
	}
	c.only, err = c.wanted(r)
	return err
}

// wanted finds the groups asked for. A name may hold commas, as "1-2,0" does: the
// longest run of words that is a name counts.
func (c *cellGraph) wanted(r *RestrictTo) ([]string, error) {
	var out []string
	for at := 0; at < len(r.Groups); {
		n := 0
		for end := len(r.Groups); end > at && n == 0; end-- {
			if slices.Contains(c.groups, strings.Join(r.Groups[at:end], ",")) {
				n = end - at
			}
		}
		name := strings.Join(r.Groups[at:at+max(n, 1)], ",")
		if n == 0 {
			known := slices.Clone(c.groups)
			slices.SortFunc(known, naturally)
			return nil, errs.At(errs.Usage, c.path, "obs/"+r.Key, "there is no group %q for --restrict-to", name).
				Do("of its %d groups, the nearest are %s", len(known), strings.Join(words.Nearest(name, known, 5), ", "))
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
		at += n
	}
	return out, nil
}

// naturally orders numbers as numbers, before words.
func naturally(a, b string) int {
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	switch {
	case errA == nil && errB == nil:
		return x - y
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}
