package balance

import "math/rand/v2"

// random takes any, all with the same chance. Properties: none.
type random int

func newRandom(p Properties, endpoints []Endpoint) (Picker, error) {
	return random(len(endpoints)), p.only()
}

// Pick implements Picker.
func (r random) Pick() int { return rand.IntN(int(r)) }
