package main

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/words"
)

// tomlKeys says which flag each argument of a scanpy function is.
func tomlKeys() map[string]map[string]string {
	return map[string]map[string]string{
		"calculate_qc_metrics":  {"percent_top": "percent-top", "qc_vars": "qc"},
		"filter_cells":          {"min_genes": "min-genes", "max_genes": "max-genes", "min_counts": "min-counts", "max_counts": "max-counts", "max_pct": "max-pct"},
		"filter_genes":          {"min_cells": "min-cells", "max_cells": "max-cells"},
		"normalize_total":       {"target_sum": "target-sum", "max_fraction": "max-fraction"},
		"log1p":                 {"base": "log-base"},
		"highly_variable_genes": {"flavor": "hvg-flavor", "n_top_genes": "n-top-genes", "batch_key": "batch-key", "layer": "layer"},
		"scale":                 {"max_value": "max-value"},
		"pca":                   {"n_comps": "n-comps"},
		"neighbors":             {"n_neighbors": "n-neighbors", "metric": "metric", "method": "weights"},
		"umap": {
			"min_dist": "min-dist", "spread": "spread", "maxiter": "n-epochs", "init_pos": "init",
			"negative_sample_rate": "negative-sample-rate", "n_components": "components",
		},
		"leiden": {"resolution": "resolution", "n_iterations": "n-iterations", "key_added": "key-added"},
	}
}

// parseFile reads a pipeline file. It replaces the flags: a flag given beside it
// is an error, so that one place says what was done.
func (pf *pipelineFlags) parseFile() error {
	if pf.file == "" {
		return nil
	}
	var doc map[string]any
	if _, err := toml.DecodeFile(pf.file, &doc); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return errs.At(errs.Usage, pf.file, "", "there is no such pipeline file")
		}
		return errs.At(errs.Usage, pf.file, "", "is no pipeline file").Because(err).Do("it is TOML: [filter_cells], then min_genes = 200")
	}
	for _, fn := range slices.Sorted(maps.Keys(doc)) {
		keys, ok := tomlKeys()[fn]
		if !ok {
			return errs.At(errs.Usage, pf.file, fn, "there is no such step").Do("did you mean [%s]?", nearest(fn, tomlKeys()))
		}
		args, ok := doc[fn].(map[string]any)
		if !ok {
			return errs.At(errs.Usage, pf.file, fn, "is a step and needs a table").Do("write it as [%s]", fn)
		}
		if fn == "scale" {
			if err := pf.setFromFile("scale", fn, true); err != nil {
				return err
			}
		}
		for _, k := range slices.Sorted(maps.Keys(args)) {
			flag, ok := keys[k]
			if !ok {
				return errs.At(errs.Usage, pf.file, fn+"."+k, "there is no such argument").Do("did you mean %s?", nearest(k, keys))
			}
			if err := pf.setFromFile(flag, fn+"."+k, args[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// setFromFile gives a flag the value that stands at a place of the file.
func (pf *pipelineFlags) setFromFile(flag, place string, v any) error {
	if pf.set.Changed(flag) {
		return errs.At(errs.Usage, pf.file, place, "is also given as --%s", flag).Do("give it once")
	}
	vs := asWords(v, flag)
	if len(vs) == 0 {
		return errs.At(errs.Usage, pf.file, place, "cannot be %v", v).Do("see --%s in gpusc run --help", flag)
	}
	for _, s := range vs {
		if err := pf.set.Set(flag, s); err != nil {
			return errs.At(errs.Usage, pf.file, place, "cannot be %v", v).Do("see --%s in gpusc run --help", flag)
		}
	}
	return nil
}

// asWords turns a value of a pipeline file into what the flag would be given.
func asWords(v any, flag string) []string {
	switch x := v.(type) {
	case string:
		return []string{x}
	case int64:
		return []string{strconv.FormatInt(x, 10)}
	case float64:
		return []string{strconv.FormatFloat(x, 'g', -1, 64)}
	case bool:
		return []string{strconv.FormatBool(x)}
	case []any:
		var all []string
		for _, e := range x {
			all = append(all, asWords(e, flag)...)
		}
		if flag == "qc" {
			return all
		}
		return []string{strings.Join(all, ",")}
	case map[string]any:
		var all []string
		for k, e := range x {
			all = append(all, k+"="+strings.Join(asWords(e, ""), ","))
		}
		slices.Sort(all)
		return all
	}
	return nil
}

func nearest[V any](s string, m map[string]V) string {
	best, dist := "", 1<<30
	for k := range m {
		if d := words.Distance(s, k); d < dist || d == dist && k < best {
			best, dist = k, d
		}
	}
	return best
}
