package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar/rpc/discovery"
)

// registration is what a server says of itself: the body of its PUT, which may be empty.
type registration struct {
	Weight   int    `json:"weight"`
	Priority int    `json:"priority"`
	Zone     string `json:"zone"`
	TTL      string `json:"ttl"` // in which it comes again; "": 10s

	Labels map[string]string `json:"labels"`
}

const defaultTTL = 10 * time.Second

// register keeps a server of calls registered until its time is over, in which it asks again.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	from := s.registrar(w, r)
	if from == nil {
		return
	}
	said, err := readRegistration(http.MaxBytesReader(w, r.Body, 4096))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ttl := defaultTTL
	if said.TTL != "" {
		if ttl, err = time.ParseDuration(said.TTL); err != nil {
			http.Error(w, "ttl: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	e := layout.Endpoint{Address: r.PathValue("address"), Weight: said.Weight, Priority: said.Priority, Zone: said.Zone, Labels: said.Labels}
	kept, err := from.Keep(r.PathValue("cluster"), e, ttl)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, kept)
}

// unregister takes one off. Others may be told of it a moment later.
func (s *Server) unregister(w http.ResponseWriter, r *http.Request) {
	from := s.registrar(w, r)
	if from == nil {
		return
	}
	switch there, err := from.Remove(r.Context(), r.PathValue("cluster"), r.PathValue("address")); {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case !there:
		http.Error(w, "nobody has registered this server here", http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) registrations(w http.ResponseWriter, r *http.Request) {
	if from := s.registrar(w, r); from != nil {
		answer(w, from.List())
	}
}

// registrar is where servers register; nil: nowhere, which the client has been told.
func (s *Server) registrar(w http.ResponseWriter, r *http.Request) *discovery.Registrar {
	if !byAddress(w, r) {
		return nil
	}
	var from *discovery.Registrar
	if sources := s.sources.Load(); sources != nil && sources.Registrar != nil {
		from = sources.Registrar()
	}
	if from == nil {
		http.Error(w, "nobody is registered here: rpc.registration is off, or no calls are taken", http.StatusNotFound)
	}
	return from
}

// byAddress says whether a request that changes something names this machine by an address; else its client has been told.
func byAddress(w http.ResponseWriter, r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || host != "localhost" && net.ParseIP(host) == nil {
		http.Error(w, "this is asked by address: a page whose name has been made this machine's must not change anything", http.StatusForbidden)
		return false
	}
	return true
}

func readRegistration(body io.Reader) (*registration, error) {
	said := &registration{}
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(said); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the body is {\"weight\": 1, \"priority\": 0, \"zone\": \"a\", \"labels\": {\"version\": \"v2\"}, \"ttl\": \"10s\"}, of which all may be left out: %w", err)
	}
	return said, nil
}

// answer writes v.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client has left
}
