package etcdstore

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/internal/certs"
)

// TLSFiles names PEM files. CA verifies the etcd (empty: the system's authorities); Cert and Key go together and
// identify this process.
type TLSFiles struct {
	CA, Cert, Key string
	ServerName    string // to verify instead of the endpoint's host
}

// Load reads the files.
func (f TLSFiles) Load() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	var err error
	if f.CA != "" {
		if cfg.RootCAs, err = certs.Authorities(f.CA); err != nil {
			return nil, fmt.Errorf("etcd store: %w", err)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("etcd store: client certificate and key go together")
	}
	if f.Cert != "" {
		if cfg.Certificates, err = certs.Pairs([]string{f.Cert}, []string{f.Key}); err != nil {
			return nil, fmt.Errorf("etcd store: %w", err)
		}
	}
	return cfg, nil
}
