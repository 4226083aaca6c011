package manifold

import (
	"math"
	"slices"
)

const (
	largest    = 256 // components that the plane of centres and their distances come from
	powerSteps = 200
	farCentre  = 3.0 // standard deviations; centres farther out are brought there
	leastShare = 0.1 // of the extent: the radius that a component of all cells would have at least
)

// centres returns where components go and how far they reach: around their centroids in
// the scores, projected to the main directions of the largest components' centroids, each
// up to half way to the next; without scores around a spiral, largest in the middle, with
// areas as their sizes.
func centres(p *parts, o UMAPOptions) (centre [][3]float64, radius []float64) {
	m := p.count()
	centre, radius = make([][3]float64, m), make([]float64, m)
	if m == 1 {
		radius[0] = 1
		return centre, radius
	}
	bySize := make([]int, m)
	for k := range bySize {
		bySize[k] = k
	}
	slices.SortStableFunc(bySize, func(a, b int) int { return p.size(b) - p.size(a) })
	if o.PCADim == 0 || len(o.PCA) == 0 {
		spiral(p, o.Components, bySize, centre, radius)
		return centre, radius
	}
	project(p, o, bySize, centre)
	top := bySize[:min(m, largest)]
	extent := 0.0
	for _, k := range top {
		near := math.Inf(1)
		for _, h := range top {
			if h != k {
				d := distance(centre[k], centre[h])
				near, extent = min(near, d), max(extent, d)
			}
		}
		radius[k] = near / 2
	}
	for k := range radius {
		radius[k] = max(radius[k], leastShare*extent*root(p.share(k), o.Components))
	}
	return centre, radius
}

// root is the square root, or in space the cube root.
func root(x float64, d int) float64 {
	if d == 2 {
		return math.Sqrt(x)
	}
	return math.Cbrt(x)
}

func distance(a, b [3]float64) float64 {
	x, y, z := a[0]-b[0], a[1]-b[1], a[2]-b[2]
	return math.Sqrt(float64(x*x) + float64(y*y) + float64(z*z))
}

// spiral lays components out by size around the middle, turning by the golden angle.
func spiral(p *parts, d int, bySize []int, centre [][3]float64, radius []float64) {
	before := 0.0
	for rank, k := range bySize {
		share := p.share(k)
		r := root(before+share/2, d)
		if rank == 0 {
			r = 0
		}
		sin, cos := math.Sincos(float64(rank) * math.Pi * (3 - math.Sqrt(5)))
		if d == 2 {
			centre[k] = [3]float64{r * cos, r * sin}
		} else {
			z := 1 - 2*(float64(rank)+0.5)/float64(len(bySize))
			flat := math.Sqrt(1 - z*z)
			centre[k] = [3]float64{r * flat * cos, r * flat * sin, r * z}
		}
		radius[k] = root(share, d) / 2
		before += share
	}
}

// project puts centres at the centroids' coordinates along the main directions.
func project(p *parts, o UMAPOptions, bySize []int, centre [][3]float64) {
	m, d := p.count(), o.PCADim
	cen := make([]float64, m*d)
	for k := range m {
		to := cen[k*d : k*d+d]
		for _, i := range p.of(k) {
			for j, v := range o.PCA[int(i)*d : int(i)*d+d] {
				to[j] += float64(v)
			}
		}
		for j := range to {
			to[j] /= float64(p.size(k))
		}
	}
	// Weights by the root of the size, so that small components count for the plane too.
	top := bySize[:min(m, largest)]
	weight, sum := make([]float64, len(top)), 0.0
	for a, k := range top {
		weight[a] = math.Sqrt(p.share(k))
		sum += weight[a]
	}
	mean := make([]float64, d)
	for a, k := range top {
		weight[a] /= sum
		for j := range mean {
			mean[j] += float64(weight[a] * cen[k*d+j])
		}
	}
	for k := range m {
		for j := range mean {
			cen[k*d+j] -= mean[j]
		}
	}
	var dirs [][]float64
	for q := range o.Components {
		v, variance := direction(cen, d, top, weight, dirs, stream(o.Seed, forPlace)+uint64(q))
		dirs = append(dirs, v)
		far := farCentre * math.Sqrt(variance)
		for k := range m {
			centre[k][q] = min(max(dot(cen[k*d:k*d+d], v), -far), far)
		}
	}
}

func dot(a, b []float64) float64 {
	s := 0.0
	for j := range a {
		s += float64(a[j] * b[j])
	}
	return s
}

// direction is the main one of the weighted rows, across those that are known, by power
// iteration; with its variance. All zeros where there is none.
func direction(rows []float64, d int, top []int, weight []float64, known [][]float64, seed uint64) ([]float64, float64) {
	v, next := make([]float64, d), make([]float64, d)
	for j := range v {
		v[j] = signed(hash(seed, uint64(j), 0))
	}
	variance := 0.0
	for range powerSteps {
		clear(next)
		for a, k := range top {
			row := rows[k*d : k*d+d]
			f := float64(weight[a] * dot(row, v))
			for j := range next {
				next[j] += float64(f * row[j])
			}
		}
		for _, u := range known {
			f := dot(next, u)
			for j := range next {
				next[j] -= float64(f * u[j])
			}
		}
		variance = math.Sqrt(dot(next, next))
		if !(variance > 1e-30 && variance <= math.MaxFloat64) {
			return make([]float64, d), 0
		}
		for j := range v {
			v[j] = next[j] / variance
		}
	}
	return v, variance
}
