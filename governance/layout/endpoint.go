package layout

import (
	"encoding/json"
	"fmt"
)

// Endpoints is the prefix of servers of calls that have registered themselves.
const Endpoints = "endpoints/"

// Endpoint is one of them.
type Endpoint struct {
	Address  string `json:"address"` // host:port
	Weight   int    `json:"weight,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Priority int    `json:"priority,omitempty"`
}

// EndpointsOf is the prefix of those of a cluster.
func EndpointsOf(cluster string) string { return Endpoints + escape(cluster) + "/" }

// EndpointKey is the key of one.
func EndpointKey(cluster, address string) string { return EndpointsOf(cluster) + escape(address) }

// Encode is the record.
func (e Endpoint) Encode() ([]byte, error) { return marshal(e) }

// DecodeEndpoint reads one.
func DecodeEndpoint(data []byte) (Endpoint, error) {
	var e Endpoint
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("endpoint record: %w", err)
	}
	return e, nil
}
