package balance

import "fmt"

// zoneFirst takes endpoints of the caller's own zone as long as there are any, else any. Properties: zone, the caller's own;
// then, the balancer among those (least_active).
type zoneFirst struct {
	near  []int // nil: all
	among Picker
}

func newZoneFirst(p Properties, endpoints []Endpoint) (Picker, error) {
	if err := p.only("zone", "then"); err != nil {
		return nil, err
	}
	z := &zoneFirst{}
	var chosen []Endpoint
	for i, e := range endpoints {
		if zone := p["zone"]; zone != "" && e.Zone == zone {
			z.near, chosen = append(z.near, i), append(chosen, e)
		}
	}
	if chosen == nil {
		chosen = endpoints
	}
	then := p["then"]
	switch then {
	case "":
		then = Default
	case "zone_first":
		return nil, fmt.Errorf("property then: zone_first cannot come after itself")
	}
	var err error
	if z.among, err = New(then, nil, chosen); err != nil {
		return nil, fmt.Errorf("property then: %w", err)
	}
	return z, nil
}

// Pick implements Picker.
func (z *zoneFirst) Pick() int {
	i := z.among.Pick()
	if z.near == nil {
		return i
	}
	return z.near[i]
}
