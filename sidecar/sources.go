package sidecar

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// sources are the data sources of all documents as the pools want them. Documents name data sources in one space: the
// same name in two of them must mean the same server.
func sources(c *config.Config, layouts []*rule.Layout) ([]backend.DataSource, error) {
	var out []backend.DataSource
	from := map[string]rule.DataSource{}
	for _, layout := range layouts {
		for _, ds := range layout.DataSources {
			if other, ok := from[ds.Name]; ok {
				if apart := rule.OtherServer(other, ds); apart != "" { // documents that were applied at the same moment
					return nil, fmt.Errorf("data source %s is declared by two databases with another %s", ds.Name, apart)
				}
				continue
			}
			from[ds.Name] = ds
			source, err := source(c, &ds)
			if err != nil {
				return nil, fmt.Errorf("data source %s: %w", ds.Name, err)
			}
			out = append(out, source)
		}
	}
	return out, nil
}

// tellReplicas logs what operators may take for granted.
func (p *Process) tellReplicas(layouts []*rule.Layout) {
	for _, l := range layouts {
		if note := rule.UnreadReplicas(l.DataSources); note != "" {
			p.log.Warn(note, zap.String("database", l.Database))
		}
	}
}

func source(c *config.Config, ds *rule.DataSource) (backend.DataSource, error) {
	password, err := config.Resolve(ds.Password)
	if err != nil {
		return backend.DataSource{}, err
	}
	out := backend.DataSource{
		Name: ds.Name, Addr: ds.Address, User: ds.User, Password: backend.Secret(password),
		Attrs: map[string]string{"program_name": "heddle", "_client_name": "heddle"},
		Limits: backend.Limits{
			MaxOpen: c.Pool.Max, MinIdle: c.Pool.MinIdle, IdleTime: c.Pool.IdleTimeout, Lifetime: c.Pool.MaxLifetime,
			WaitTimeout: c.Pool.WaitTimeout, ConnectTimeout: c.Pool.ConnectTimeout,
			SilenceTimeout: c.Pool.SilenceTimeout, HangTimeout: c.Pool.HangTimeout,
		},
	}
	if s := ds.Splitting; s != nil {
		out.FailoverWait = s.FailoverWait
		for _, r := range ds.Replicas {
			out.Replicas = append(out.Replicas, r.Address)
		}
	}
	if p := ds.Pool; p != (rule.Pool{}) {
		if p.Max > 0 {
			out.Limits.MaxOpen = p.Max
		}
		out.Limits.Budget, out.Limits.Least = p.Budget, p.Least
		if p.MinIdle > 0 {
			out.Limits.MinIdle = p.MinIdle
		}
		if p.Wait > 0 {
			out.Limits.WaitTimeout = p.Wait
		}
		if p.Idle > 0 {
			out.Limits.IdleTime = p.Idle
		}
		if p.Life > 0 {
			out.Limits.Lifetime = p.Life
		}
	}
	if ds.TLS != nil {
		if out.TLS, err = sourceTLS(ds.TLS); err != nil {
			return out, err
		}
	}
	return out, nil
}

// driverConfig is how Heddle's own questions reach a data source's server, beside the pools.
func driverConfig(ds *backend.DataSource) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr = ds.User, string(ds.Password), "tcp", ds.Addr
	if strings.HasPrefix(ds.Addr, "/") {
		c.Net = "unix"
	}
	c.AllowNativePasswords = true
	switch ds.TLS.Mode {
	case backend.TLSPreferred, backend.TLSRequired:
		c.TLS, c.AllowFallbackToPlaintext = &tls.Config{InsecureSkipVerify: true}, ds.TLS.Mode == backend.TLSPreferred
		if own := ds.TLS.Config; own != nil {
			c.TLS.Certificates = own.Certificates
		}
	case backend.TLSVerify:
		c.TLS = ds.TLS.Config
		if c.TLS == nil {
			c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	return c
}

func sourceTLS(t *rule.TLS) (backend.TLS, error) {
	out := backend.TLS{Config: &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}}
	made := [][]byte{[]byte(t.Mode), []byte(t.ServerName)}
	switch t.Mode {
	case rule.TLSDisabled:
		return backend.TLS{Mode: backend.TLSOff}, nil
	case rule.TLSPreferred:
		out.Mode = backend.TLSPreferred
	case rule.TLSRequired:
		out.Mode = backend.TLSRequired
	case rule.TLSVerifyCA:
		out.Mode = backend.TLSVerify
		out.Config.InsecureSkipVerify = true // the chain is verified below, the name is not looked at
		out.Config.VerifyConnection = verifyChain(out.Config)
	default:
		out.Mode = backend.TLSVerify
	}
	if t.CA != "" {
		text, pool, err := certs.AuthoritiesWithText(t.CA)
		if err != nil {
			return out, fmt.Errorf("tls.ca: %w", err)
		}
		out.Config.RootCAs = pool
		made = append(made, text)
	}
	if t.Cert != "" {
		pairs, err := certs.Pairs([]string{t.Cert}, []string{t.Key})
		if err != nil {
			return out, fmt.Errorf("tls.cert: %w", err)
		}
		out.Config.Certificates = pairs
		made = append(made, nil) // which parts them from the authorities
		made = append(made, pairs[0].Certificate...)
	}
	out.Made = digestOf(made)
	return out, nil
}

// digestOf stands for parts in their order. What is compared are contents, not paths: files are replaced in place. A certificate stands for
// its key, without which it is not read.
func digestOf(parts [][]byte) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:", len(part)) // a hash takes everything
		_, _ = h.Write(part)
	}
	return string(h.Sum(nil))
}

// verifyChain checks a server's chain against the configured roots, whatever name it has.
func verifyChain(c *tls.Config) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: c.RootCAs, Intermediates: x509.NewCertPool()}
		for _, cert := range state.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		_, err := state.PeerCertificates[0].Verify(opts)
		return err
	}
}
