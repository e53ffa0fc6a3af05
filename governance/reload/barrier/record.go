// Package barrier activates a placement change: a rule version that says anew where the rows of existing tables live.
//
// It makes sure that no two instances ever serve such a table under different placements. Two pure machines decide,
// Coordinator and Participant: Step(event) gives actions, without clock, store or goroutine. Activator and Watcher are the
// thin drivers that perform the actions. DESIGN.md has the protocol, its invariants and its crash matrix.
//
// It does not hold statements itself (Traffic does), does not build snapshots (Adopter does), and knows nothing of what
// a placement is. Its level: above governance/store and layout, beside reload's Follower.
package barrier

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// Prepare is the record of a pending placement change. While it stands, every instance that acknowledged it holds the
// tables; when it is gone, the active pointer is the outcome.
type Prepare struct {
	ID          string        `json:"id"`
	Version     int64         `json:"version"` // to become active
	Base        int64         `json:"base"`    // the pointer's serial before
	Tables      []string      `json:"tables"`  // logical names within the document
	Coordinator string        `json:"coordinator"`
	By          string        `json:"by"`
	Comment     string        `json:"comment,omitempty"`
	Time        time.Time     `json:"time"`
	Wait        time.Duration `json:"wait"` // after it, counted by anyone's own clock, anyone may abort
	// Checked: the change needs an acknowledgement of its coordinator too, which looks, when nobody writes to the tables
	// any more, whether it may be made.
	Checked bool `json:"checked,omitempty"`
}

// coordinatorCheck is the name of the coordinator's own acknowledgement, which no instance has.
const coordinatorCheck = "the coordinator's check"

// Encode writes the record.
func (p Prepare) Encode() ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode the barrier's record: %w", err)
	}
	return data, nil
}

// DecodePrepare reads a record.
func DecodePrepare(data []byte) (Prepare, error) {
	var p Prepare
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("barrier record: %w", err)
	}
	if p.ID == "" || p.Version <= 0 || len(p.Tables) == 0 {
		return p, errors.New("barrier record without id, version or tables")
	}
	return p, nil
}

// Member is what a coordinator knows of one instance.
type Member struct {
	Name    string
	Alive   bool // its lease stands
	Offline layout.Offline
	Acked   bool // the barrier in question
}

// required tells whether the change must wait for the instance: not for one that stops by itself without a lease
// and has none.
func (m Member) required() bool { return m.Alive || m.Offline != layout.Fence }

// View is what a coordinator reads. Membership is read first: a flip on the condition that it is unchanged knows that
// no member came since.
type View struct {
	Membership int64 // the revision at which instances or members last grew or were evicted
	Pointer    layout.Pointer
	PointerRev int64 // 0: there is none
	Prepare    *Prepare
	PrepareRev int64
	Members    []Member
}

// missing are the required instances that did not acknowledge.
func (v View) missing() []string {
	var out []string
	for _, m := range v.Members {
		if m.required() && !m.Acked {
			out = append(out, m.Name)
		}
	}
	return out
}
