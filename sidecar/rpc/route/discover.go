package route

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/goccy/go-yaml"
)

// Discover is where a cluster's endpoints are found, beside those that the document names. Whoever finds nobody, or cannot
// look, leaves those in place that were found last.
type Discover struct {
	File     string        `yaml:"file"`     // a list as that of endpoints, read again when it changes
	DNS      string        `yaml:"dns"`      // host:port: all addresses of the host
	SRV      string        `yaml:"srv"`      // all servers of the name, as in _http._tcp.shop.internal
	Registry bool          `yaml:"registry"` // etcd, by heddle register
	Server   string        `yaml:"server"`   // of DNS (host:port); "": the system's
	Interval time.Duration `yaml:"interval"` // between looks; 0: 1s for files, for DNS as long as answers say, 5s at least
}

func (c *checker) discover(at string, d *Discover) {
	at += ".discover"
	given := 0
	for _, is := range []bool{d.File != "", d.DNS != "", d.SRV != "", d.Registry} {
		if is {
			given++
		}
	}
	if given != 1 {
		c.problem(at, "endpoints are found by one of file, dns, srv and registry")
	}
	if d.DNS != "" {
		if host, port, err := net.SplitHostPort(d.DNS); err != nil || host == "" || port == "" {
			c.problem(at+".dns", "the address %q is not host:port", d.DNS)
		}
	}
	if d.Server != "" {
		if _, _, err := net.SplitHostPort(d.Server); err != nil || d.DNS == "" && d.SRV == "" {
			c.problem(at+".server", "it is the host:port of a server of DNS")
		}
	}
	c.positive(at, field{"interval", int64(d.Interval)})
}

// ReadEndpoints reads a file with a list of endpoints, as that of a cluster.
func ReadEndpoints(file string) ([]*Endpoint, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the endpoints: %w", err)
	}
	var all []*Endpoint
	if err := yaml.UnmarshalWithOptions(text, &all, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s:%w", file, syntax(err))
	}
	if err := CheckEndpoints(all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// CheckEndpoints says what is wrong with endpoints that no document has.
func CheckEndpoints(all []*Endpoint) error {
	seen := map[string]bool{}
	for _, e := range all {
		if e == nil {
			return errors.New("an endpoint is empty")
		}
		host, port, err := net.SplitHostPort(e.Address)
		switch {
		case err != nil || host == "" || port == "":
			return fmt.Errorf("the address %q is not host:port", e.Address)
		case e.Weight < 0 || e.Priority < 0:
			return fmt.Errorf("the endpoint %s has a weight or a priority below 0", e.Address)
		case seen[e.Address]:
			return fmt.Errorf("the endpoint %s is there twice", e.Address)
		}
		seen[e.Address] = true
	}
	return nil
}
