package balance

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Keyed is a Picker for work that is better done where its like was done before. All Pickers made for the same endpoints give a key the
// same one, in whatever process; when an endpoint goes or comes, few other keys get another one. Pick takes a key by chance.
type Keyed interface {
	Picker
	PickBy(key uint64) int
}

// Hash makes a key of a text.
func Hash(text []byte) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h)
}

// mix spreads what differs in few bits over all of them (the last steps of MurmurHash3).
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// at hashes an endpoint's name with a number.
func (e *Endpoint) at(n int) uint64 { return Hash(strconv.AppendInt([]byte(e.Name+"#"), int64(n), 10)) }

// ringHash puts each endpoint on a ring at many points, by its weight, and gives a key the next one on it. Properties: points, of an
// endpoint of weight 1; 160, or fewer where there are many endpoints.
type ringHash struct {
	points []point
}

type point struct {
	hash  uint64
	index int32
}

// mostPoints bounds a ring: a change of its endpoints makes it anew.
const mostPoints = 1 << 20

func newRingHash(p Properties, endpoints []Endpoint) (Picker, error) {
	if err := p.only("points"); err != nil {
		return nil, err
	}
	each := max(8, min(160, 1<<16/len(endpoints)))
	if text, given := p["points"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return nil, fmt.Errorf("property points: %q is no number of 1 to 10000", text)
		}
		each = n
	}
	sum := 0
	for i := range endpoints {
		sum += endpoints[i].weight()
	}
	r := &ringHash{}
	for i := range endpoints {
		n := each * endpoints[i].weight()
		if sum*each > mostPoints {
			n = max(1, int(float64(mostPoints)*float64(endpoints[i].weight())/float64(sum)))
		}
		for k := range n {
			r.points = append(r.points, point{endpoints[i].at(k), int32(i)})
		}
	}
	slices.SortFunc(r.points, func(a, b point) int { return cmp.Compare(a.hash, b.hash) })
	return r, nil
}

// Pick implements Picker.
func (r *ringHash) Pick() int { return r.PickBy(rand.Uint64()) }

// PickBy implements Keyed.
func (r *ringHash) PickBy(key uint64) int {
	i, _ := slices.BinarySearchFunc(r.points, key, func(p point, key uint64) int { return cmp.Compare(p.hash, key) })
	return int(r.points[i%len(r.points)].index)
}

// maglev looks a key up in a table that the endpoints have filled in turn, each by an order of its own (Eisenbud and others, Maglev, 2016).
// It shares more evenly than a ring and finds faster, and moves a few more keys when endpoints change. Properties: none.
type maglev struct {
	table []uint16
}

// places is how many a table has: a prime number, so that each endpoint's order comes to all of them.
const places = 65537

func newMaglev(p Properties, endpoints []Endpoint) (Picker, error) {
	if len(endpoints) > places/16 {
		return nil, fmt.Errorf("balancer maglev: %d endpoints are more than the %d among which a table can be shared", len(endpoints), places/16)
	}
	heaviest := 0
	type order struct{ offset, skip, due uint64 }
	orders := make([]order, len(endpoints))
	for i := range endpoints {
		e := &endpoints[i]
		heaviest = max(heaviest, e.weight())
		orders[i] = order{offset: e.at(0) % places, skip: e.at(1)%(places-1) + 1}
	}
	const none = 1<<16 - 1
	m := &maglev{table: slices.Repeat([]uint16{none}, places)}
	for filled, turn := 0, uint64(1); filled < places; turn++ {
		for i := range orders {
			o := &orders[i]
			// An endpoint of half the weight takes every other turn.
			if turn*uint64(endpoints[i].weight()) < (o.due+1)*uint64(heaviest) {
				continue
			}
			o.due++
			for m.table[o.offset] != none {
				o.offset = (o.offset + o.skip) % places
			}
			m.table[o.offset] = uint16(i)
			if filled++; filled == places {
				break
			}
		}
	}
	return m, p.only()
}

// Pick implements Picker.
func (m *maglev) Pick() int { return m.PickBy(rand.Uint64()) }

// PickBy implements Keyed.
func (m *maglev) PickBy(key uint64) int { return int(m.table[key%places]) }
