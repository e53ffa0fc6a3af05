package layout

import (
	"encoding/json"
	"fmt"
	"time"
)

// The states that an operator can order a server into. Neither says anything of writes: who is the primary is found out.
const (
	Drained  = "drained"  // it is read no more, and what runs there may end
	Disabled = "disabled" // and what runs there is broken off
)

// Order is what operators have said of one server of a data source. Where nothing is said, there is no record.
type Order struct {
	DataSource string    `json:"data_source"`
	Server     string    `json:"server"` // its address
	State      string    `json:"state,omitempty"`
	Since      time.Time `json:"since,omitzero"` // of the state
	Reason     string    `json:"reason,omitempty"`
	By         string    `json:"by,omitempty"`     // of the last change
	At         time.Time `json:"at,omitzero"`      // of it
	Weight     int       `json:"weight,omitempty"` // in place of the rules'; 0: none
}

// Empty reports whether the record says nothing.
func (o *Order) Empty() bool { return o.State == "" && o.Weight == 0 }

// OrderKey is the key of what is said of a server.
func OrderKey(dataSource, server string) string {
	return Orders + escape(dataSource) + "/" + escape(server)
}

// SwitchKey is the key of a data source's planned switch.
func SwitchKey(dataSource string) string { return Switches + escape(dataSource) }

// DriverKey is the key of who is at work on a planned switch.
func DriverKey(dataSource string) string { return Drivers + escape(dataSource) }

// HeldPrefix is the prefix of what instances say of a planned switch.
func HeldPrefix(dataSource, id string) string {
	return Held + escape(dataSource) + "/" + escape(id) + "/"
}

// HeldKey is the key of what one says.
func HeldKey(dataSource, id, instance string) string {
	return HeldPrefix(dataSource, id) + escape(instance)
}

// LookKey is the key by which somebody who looks has the instances tell what they see.
func LookKey(id string) string { return Looks + escape(id) }

// SeenKey is the key of what an instance tells.
func SeenKey(instance string) string { return Seen + escape(instance) }

// ServerSeen is what an instance tells of one server.
type ServerSeen struct {
	DataSource string    `json:"data_source"`
	Server     string    `json:"server"`
	Primary    bool      `json:"primary"`
	State      string    `json:"state"`
	Reason     string    `json:"reason,omitempty"`
	Since      time.Time `json:"since"`
	Open       int       `json:"open"`     // connections
	Lent       int       `json:"lent"`     // of them, in use
	Answered   uint64    `json:"answered"` // units of statements, since the process began
	Failed     uint64    `json:"failed"`
	// PerSecond and FailedPerSecond are units over the last seconds; nil: it was not seen for long enough.
	PerSecond       *float64 `json:"per_second,omitempty"`
	FailedPerSecond *float64 `json:"failed_per_second,omitempty"`
}

// SeenBy is what an instance tells while somebody looks. It is written under the instance's lease.
type SeenBy struct {
	Instance string       `json:"instance"`
	At       time.Time    `json:"at"`
	Orders   int64        `json:"orders"` // the revision of the orders that it follows
	Servers  []ServerSeen `json:"servers"`
}

// Encode writes the record.
func (o Order) Encode() ([]byte, error) { return marshal(o) }

// Encode writes the record.
func (s SeenBy) Encode() ([]byte, error) { return marshal(s) }

// DecodeOrder reads a record.
func DecodeOrder(data []byte) (Order, error) {
	var o Order
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("order for a server: %w", err)
	}
	if o.State != "" && o.State != Drained && o.State != Disabled {
		return o, fmt.Errorf("order for %s of %s: the state is %q", o.Server, o.DataSource, o.State)
	}
	return o, nil
}

// DecodeSeen reads a record.
func DecodeSeen(data []byte) (SeenBy, error) {
	var s SeenBy
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("what an instance sees: %w", err)
	}
	return s, nil
}
