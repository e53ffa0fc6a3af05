package limit

import (
	"crypto/sha256"
	"math"
	"sync"
	"time"
)

// Rate is how much may pass: so many a second, after as many as Burst at once.
type Rate struct {
	PerSecond float64 // above 0
	Burst     float64 // at least 1
}

// tokens is what is left in a bucket.
type tokens struct {
	left float64
	at   time.Time // when that was so
}

// take takes one, or says after how long there is one.
func (k *tokens) take(r Rate, now time.Time) (wait time.Duration) {
	if k.at.IsZero() {
		k.left, k.at = r.Burst, now
	}
	if now.After(k.at) {
		k.left = min(k.left+now.Sub(k.at).Seconds()*r.PerSecond, r.Burst)
		k.at = now
	}
	if k.left >= 1 {
		k.left--
		return 0
	}
	return max(time.Duration(math.Ceil((1-k.left)/r.PerSecond*float64(time.Second))), 1)
}

// Keyed has a bucket for each key. A key that has not asked for as long as its bucket takes to fill is forgotten, which makes no difference;
// where there are more than it keeps at a time, keys share a bucket. Any goroutine may call its methods.
type Keyed struct {
	rate   Rate
	most   int
	mu     sync.Mutex
	keys   map[string]*tokens
	swept  time.Time
	shared tokens // of those that find no room
}

// longest is of how many bytes a key is kept as it is. Of longer ones, which callers may make as long as a head, a hash is.
const longest = 64

// NewKeyed returns one that keeps as many as most keys.
func NewKeyed(r Rate, most int) *Keyed {
	return &Keyed{rate: r, most: most, keys: map[string]*tokens{}}
}

// Rate is what it was made with.
func (k *Keyed) Rate() Rate { return k.rate }

// Take takes one for key, or says after how long there is one: 0 is that it may pass.
func (k *Keyed) Take(key []byte, now time.Time) (wait time.Duration) {
	if len(key) > longest {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.keys[string(key)]
	if t == nil {
		if len(k.keys) >= k.most {
			k.sweep(now)
		}
		if len(k.keys) >= k.most {
			return k.shared.take(k.rate, now)
		}
		t = &tokens{}
		k.keys[string(key)] = t
	}
	return t.take(k.rate, now)
}

// sweep forgets the buckets that are full by now, no more often than one takes to fill: it looks at all of them. mu is held.
func (k *Keyed) sweep(now time.Time) {
	fills := time.Duration(k.rate.Burst / k.rate.PerSecond * float64(time.Second))
	if !k.swept.IsZero() && now.Sub(k.swept) < min(fills, time.Second) {
		return
	}
	k.swept = now
	for key, t := range k.keys {
		if now.Sub(t.at) >= fills {
			delete(k.keys, key)
		}
	}
}
