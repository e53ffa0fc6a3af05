package layout

import (
	"encoding/json"
	"fmt"
	"time"
)

// Instance is a living instance. It is written under the instance's lease.
type Instance struct {
	Name    string            `json:"name"`
	Address string            `json:"address"` // host:port of the MySQL listener, as peers reach it
	Version string            `json:"version"` // of the program
	Labels  map[string]string `json:"labels,omitempty"`
	Number  uint16            `json:"number"` // 1 … 4095; the upper 12 bits of its connection ids
	Started time.Time         `json:"started"`
	// Proof is the hash of a secret that stays on the instance's disk: who knows it, is the same instance again.
	Proof string `json:"proof"`
}

// Offline says what an instance does with sharded tables while it has no lease.
type Offline string

// The two ways. Serve keeps the data path independent of the store; a placement change then waits for the instance,
// alive or not, until it comes back or is evicted. Fence refuses statements on sharded tables without a lease; a
// placement change then goes ahead once the lease is gone.
const (
	Serve Offline = "serve"
	Fence Offline = "fence"
)

// Member is an instance that may be serving although its lease is gone. It stays until it leaves or is evicted.
type Member struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Offline Offline   `json:"offline"`
	Joined  time.Time `json:"joined"`
}

// Encode writes the record.
func (i Instance) Encode() ([]byte, error) { return marshal(i) }

// Encode writes the record.
func (m Member) Encode() ([]byte, error) { return marshal(m) }

// DecodeInstance reads a record.
func DecodeInstance(data []byte) (Instance, error) {
	var i Instance
	if err := json.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("instance record: %w", err)
	}
	return i, nil
}

// DecodeMember reads a record.
func DecodeMember(data []byte) (Member, error) {
	var m Member
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("member record: %w", err)
	}
	if m.Offline != Serve && m.Offline != Fence {
		return m, fmt.Errorf("member record of %s: offline is %q", m.Name, m.Offline)
	}
	return m, nil
}
