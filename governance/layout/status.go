package layout

import (
	"encoding/json"
	"fmt"
	"time"
)

// The sources of what an instance runs.
const (
	FromStore = "store"
	FromDisk  = "disk" // the last good copy, because the store was not reached
)

// Status is what one instance runs of one kind of document. It is written under the instance's lease.
type Status struct {
	Instance  string                    `json:"instance"`
	Source    string                    `json:"source"`
	Confirmed time.Time                 `json:"confirmed"` // when the store last said that this is in force
	Documents map[string]DocumentStatus `json:"documents"` // by name
}

// DocumentStatus is what an instance runs of one document, and what it could not adopt.
type DocumentStatus struct {
	Version int64     `json:"version"` // 0: none
	Serial  int64     `json:"serial"`
	Adopted time.Time `json:"adopted"`
	// Refused is the version that the instance could not adopt, with the reason, or 0.
	Refused int64  `json:"refused,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Encode writes the record.
func (s Status) Encode() ([]byte, error) { return marshal(s) }

// DecodeStatus reads a record.
func DecodeStatus(data []byte) (Status, error) {
	var s Status
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("instance status: %w", err)
	}
	return s, nil
}
