package switchover

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Step is how far a switch has come. It is written before the step is taken.
type Step string

// The steps, in their order, and Undoing.
const (
	Chaining  Step = "chaining"  // the other replicas are made to follow the one that is to be the primary
	Holding   Step = "holding"   // the instances hold new work and let what is under way end
	Fencing   Step = "fencing"   // the old primary is made read-only
	Fenced    Step = "fenced"    // it is, and Position is all that it has written
	Promoting Step = "promoting" // the new one is made to take writes
	Released  Step = "released"  // it does, and instances use it
	Undoing   Step = "undoing"
)

var order = []Step{Chaining, Holding, Fencing, Fenced, Promoting, Released}

// reached reports whether s is at or behind other.
func (s Step) reached(other Step) bool { return slices.Index(order, s) >= slices.Index(order, other) }

// Fences reports whether the old primary may be read-only at a step, or behind it.
func (s Step) Fences() bool { return s.reached(Fencing) }

// Record is a switch that is under way.
type Record struct {
	ID         string        `json:"id"`
	DataSource string        `json:"data_source"`
	From       string        `json:"from"`
	To         string        `json:"to"`
	Others     []string      `json:"others,omitempty"` // that follow From at first
	Step       Step          `json:"step"`
	Reached    Step          `json:"reached"` // the furthest step, of one that is being undone
	Position   string        `json:"position,omitempty"`
	Grace      time.Duration `json:"grace"` // what is under way has so long to end
	Hold       time.Duration `json:"hold"`  // an instance holds writes no longer, whatever else comes
	By         string        `json:"by"`
	Began      time.Time     `json:"began"`
	Free       bool          `json:"free,omitempty"`    // it is being undone, and To takes no writes any more
	TLS        bool          `json:"tls,omitempty"`     // To followed From by TLS, and so does From To
	Problem    string        `json:"problem,omitempty"` // why it is being undone, or is not done yet
}

// Barred reports whether To must not be taken for the primary yet, whatever it says of itself.
func (r *Record) Barred() bool { return r.Step != Released && !r.Free }

// Held is what an instance says when nothing of its is under way at the old primary any more.
type Held struct {
	Instance string        `json:"instance"`
	Cut      int           `json:"cut"`    // connections that had to be broken
	Waited   time.Duration `json:"waited"` // until then
	// Used is set when the instance uses the new primary: how long it has held writes.
	Used time.Duration `json:"used,omitempty"`
}

// Encode writes the record.
func (r Record) Encode() ([]byte, error) { return json.Marshal(r) }

// Encode writes the record.
func (h Held) Encode() ([]byte, error) { return json.Marshal(h) }

// DecodeRecord reads a record.
func DecodeRecord(data []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("planned switch: %w", err)
	}
	if r.Step != Undoing && !slices.Contains(order, r.Step) || !slices.Contains(order, r.Reached) {
		return r, fmt.Errorf("planned switch of %s: the step is %q", r.DataSource, r.Step)
	}
	return r, nil
}

// DecodeHeld reads a record.
func DecodeHeld(data []byte) (Held, error) {
	var h Held
	if err := json.Unmarshal(data, &h); err != nil {
		return h, fmt.Errorf("what an instance says of a planned switch: %w", err)
	}
	return h, nil
}
