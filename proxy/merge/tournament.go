package merge

import "bytes"

// tournament finds the least of k keys with log k comparisons after one of them changed: a tree of losers. Equal keys
// go by index.
type tournament struct {
	keys   [][]byte // current key of each source; nil: the source has ended
	losers []int    // losers[0] is the winner; losers[i] lost the match at node i
}

func newTournament(k int) *tournament {
	return &tournament{keys: make([][]byte, k), losers: make([]int, max(k, 1))}
}

// beats reports whether source a comes before source b.
func (t *tournament) beats(a, b int) bool {
	ka, kb := t.keys[a], t.keys[b]
	if ka == nil || kb == nil {
		return kb == nil && (ka != nil || a < b)
	}
	if c := bytes.Compare(ka, kb); c != 0 {
		return c < 0
	}
	return a < b
}

// build plays all matches. Leaf i of k stands at node k+i; node n's parent is n/2.
func (t *tournament) build() {
	k := len(t.keys)
	winners := make([]int, 2*k)
	for i := range k {
		winners[k+i] = i
	}
	for n := k - 1; n >= 1; n-- {
		w, l := winners[2*n], winners[2*n+1]
		if t.beats(l, w) {
			w, l = l, w
		}
		winners[n], t.losers[n] = w, l
	}
	if k > 1 {
		t.losers[0] = winners[1]
	}
}

// winner returns the source with the least key, or -1 when all have ended.
func (t *tournament) winner() int {
	if len(t.keys) == 0 || t.keys[t.losers[0]] == nil {
		return -1
	}
	return t.losers[0]
}

// replay plays the winner's matches again, after its key changed.
func (t *tournament) replay() {
	w := t.losers[0]
	for n := (len(t.keys) + w) / 2; n >= 1; n /= 2 {
		if t.beats(t.losers[n], w) {
			w, t.losers[n] = t.losers[n], w
		}
	}
	t.losers[0] = w
}
