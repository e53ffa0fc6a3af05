// Package certs reads the files that TLS needs. It verifies nothing and knows of no protocol. Level: internal.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Authorities reads certificates of authorities from a PEM file, which must hold one at least.
func Authorities(path string) (*x509.CertPool, error) {
	_, pool, err := AuthoritiesWithText(path)
	return pool, err
}

// AuthoritiesWithText is Authorities, with what was read.
func AuthoritiesWithText(path string) (pem []byte, pool *x509.CertPool, err error) {
	if pem, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("read the authorities: %w", err)
	}
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("%s holds no PEM certificate", path)
	}
	return pem, pool, nil
}

// Pairs reads certificate chains with their keys; the first key is that of the first certificate, and so on.
func Pairs(certs, keys []string) ([]tls.Certificate, error) {
	if len(certs) != len(keys) {
		return nil, errors.New("each certificate has one key")
	}
	var out []tls.Certificate
	for i := range certs {
		pair, err := tls.LoadX509KeyPair(certs[i], keys[i])
		if err != nil {
			return nil, fmt.Errorf("load the certificate %s: %w", certs[i], err)
		}
		out = append(out, pair)
	}
	return out, nil
}
