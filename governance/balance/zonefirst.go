package balance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// zoneFirst takes endpoints of the caller's own zone as long as enough of them are up, else others too. Properties: zone, the caller's own;
// declared, how many endpoints the zone has when all are up (as many as there are); then, the balancer among those (least_active); where that is Keyed,
// zoneFirst is too: a key has the same endpoint for all of a zone.
//
// What is left of a zone must not get all that the whole had: while fewer than five of seven endpoints are up (zoneSpare), the zone keeps that
// part of the calls for which it has endpoints, and the others get the rest.
type zoneFirst struct {
	near, far     []int  // as numbers of the endpoints
	among, beyond Picker // of near and of far; nil: there are none
	keeps         float64
}

// zoneSpare is how much more than its usual share an endpoint takes before calls go to another zone.
const zoneSpare = 1.4

func newZoneFirst(p Properties, endpoints []Endpoint) (Picker, error) {
	if err := p.only("zone", "then", "declared"); err != nil {
		return nil, err
	}
	z := &zoneFirst{keeps: 1}
	var chosen, rest []Endpoint
	for i, e := range endpoints {
		if zone := p["zone"]; zone != "" && e.Zone == zone {
			z.near, chosen = append(z.near, i), append(chosen, e)
		} else {
			z.far, rest = append(z.far, i), append(rest, e)
		}
	}
	declared := len(z.near)
	if text, given := p["declared"]; given {
		var err error
		if declared, err = strconv.Atoi(text); err != nil || declared < 0 {
			return nil, fmt.Errorf("property declared: %q is no number of endpoints", text)
		}
	}
	if len(z.near) < declared {
		z.keeps = min(1, zoneSpare*float64(len(z.near))/float64(declared))
	}
	var err error
	keyed := false
	if z.among, keyed, err = thenOf(p, chosen); err == nil {
		z.beyond, keyed, err = thenOf(p, rest)
	}
	if keyed {
		return zoneFirstKeyed{z}, err
	}
	return z, err
}

// thenOf is the balancer among endpoints, nil where there are none, and whether it goes by a key.
func thenOf(p Properties, endpoints []Endpoint) (_ Picker, keyed bool, _ error) {
	then := p["then"]
	switch then {
	case "":
		then = Default
	case "zone_first":
		return nil, false, errors.New("property then: zone_first cannot come after itself")
	}
	some := endpoints
	if len(some) == 0 {
		some = []Endpoint{{Load: &Load{}}} // to see whether there is such a balancer
	}
	picker, err := New(then, nil, some)
	if err != nil {
		return nil, false, fmt.Errorf("property then: %w", err)
	}
	if _, keyed = picker.(Keyed); len(endpoints) == 0 {
		return nil, keyed, nil
	}
	return picker, keyed, nil
}

// Pick implements Picker.
func (z *zoneFirst) Pick() int {
	if z.among == nil || z.beyond != nil && z.keeps < 1 && rand.Float64() >= z.keeps {
		return z.far[z.beyond.Pick()]
	}
	return z.near[z.among.Pick()]
}

// zoneFirstKeyed is a zoneFirst whose balancers are Keyed.
type zoneFirstKeyed struct{ *zoneFirst }

// leaving makes of a key's hash another one, by which it is seen whether the key leaves the zone: which endpoint it has there says nothing of that.
const leaving = 0x9e3779b97f4a7c15

// PickBy implements Keyed.
func (z zoneFirstKeyed) PickBy(key uint64) int {
	if z.among == nil || z.beyond != nil && z.keeps < 1 && float64(mix(key^leaving)>>11)/(1<<53) >= z.keeps {
		return z.far[z.beyond.(Keyed).PickBy(key)]
	}
	return z.near[z.among.(Keyed).PickBy(key)]
}
