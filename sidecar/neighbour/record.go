package neighbour

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// record is what the store has of an instance that can be asked.
type record struct {
	Name        string `json:"name"`
	Number      uint16 `json:"-"` // by the instance's own record: it changes with registrations
	Address     string `json:"address"`
	Fingerprint string `json:"fingerprint"` // SHA-256 of the certificate
}

// visits reports whether it is no instance's, but of one who only asks.
func (r record) visits() bool { return r.Address == "" && r.Number == 0 }

// newCertificate makes a key for the life of the process.
func newCertificate(name string) (tls.Certificate, string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour),
		NotAfter: time.Now().AddDate(100, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, fingerprint(der), nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// shown is the fingerprint of what the other side of a connection has shown.
func shown(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	return fingerprint(state.PeerCertificates[0].Raw)
}

// read lists the instances that can be asked.
func read(ctx context.Context, s store.Store) ([]record, error) {
	listing, err := s.List(ctx, layout.Neighbours)
	if err != nil {
		return nil, fmt.Errorf("list the neighbours: %w", err)
	}
	alive, err := s.List(ctx, layout.Instances)
	if err != nil {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	numbers := map[string]uint16{}
	for _, kv := range alive.KVs {
		i, err := layout.DecodeInstance(kv.Value)
		if err != nil {
			return nil, err
		}
		numbers[i.Name] = i.Number
	}
	all := make([]record, 0, len(listing.KVs))
	for _, kv := range listing.KVs {
		var r record
		if err := json.Unmarshal(kv.Value, &r); err != nil {
			return nil, fmt.Errorf("the record %s: %w", kv.Key, err)
		}
		r.Number = numbers[r.Name]
		all = append(all, r)
		delete(numbers, r.Name)
	}
	for name, number := range numbers { // of a version that cannot be asked
		all = append(all, record{Name: name, Number: number})
	}
	return all, nil
}
