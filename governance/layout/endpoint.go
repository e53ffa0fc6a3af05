package layout

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Endpoints is the prefix of servers of calls that have registered themselves.
const Endpoints = "endpoints/"

// Endpoint is one of them.
type Endpoint struct {
	Address  string `json:"address"` // host:port
	Weight   int    `json:"weight,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Priority int    `json:"priority,omitempty"`

	Labels map[string]string `json:"labels,omitempty"` // by which clusters have subsets
}

// Equal says whether two records say the same.
func (e Endpoint) Equal(o Endpoint) bool {
	return e.Address == o.Address && e.Weight == o.Weight && e.Zone == o.Zone && e.Priority == o.Priority && maps.Equal(e.Labels, o.Labels)
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
