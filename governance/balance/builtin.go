package balance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Default is what is taken where nothing is said.
const Default = "least_active"

// factory makes a Picker for endpoints of which there is at least one. It does not keep or change the list.
type factory func(p Properties, endpoints []Endpoint) (Picker, error)

// builtin are the Pickers there are.
func builtin() map[string]factory {
	return map[string]factory{
		"round_robin":   newRoundRobin,
		"weighted":      newWeighted,
		"random":        newRandom,
		"least_active":  newLeastActive,
		"least_request": newLeastRequest,
		"peak_ewma":     newPeakEWMA,
		"ring_hash":     newRingHash,
		"maglev":        newMaglev,
		"zone_first":    newZoneFirst,
	}
}

// Names lists the Pickers there are.
func Names() []string { return slices.Sorted(maps.Keys(builtin())) }

// New makes the Picker of that name.
func New(name string, p Properties, endpoints []Endpoint) (Picker, error) {
	make := builtin()[name]
	if make == nil {
		return nil, fmt.Errorf("there is no balancer %q; there are %s", name, strings.Join(Names(), ", "))
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("balancer %s: there is nothing to choose from", name)
	}
	return make(p, endpoints)
}

// only refuses properties that a Picker does not know.
func (p Properties) only(known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown property %q", name)
		}
	}
	return nil
}
