package dev

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-sql-driver/mysql"
)

// Backend is a server for a data source: a private one, or one that --backend named.
type Backend struct {
	Name     string // ds_0 …
	Addr     string // host:port, or the path of a socket
	Schema   string // physical
	User     string
	Password string // a secret reference, never the value; "" for no password

	cfg *mysql.Config
}

// useBackends reads the DSNs. A password goes to a file of its own, so that documents can refer to it.
func (s *Stack) useBackends() error {
	for i, dsn := range s.opts.Backends {
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			return fmt.Errorf("--backend number %d is not a DSN such as user:password@tcp(127.0.0.1:3306)/schema: %w", i+1, err)
		}
		b := Backend{Name: "ds_" + strconv.Itoa(i), Addr: cfg.Addr, Schema: cfg.DBName, User: cfg.User}
		if b.Schema == "" {
			b.Schema = DemoDatabase
		}
		if cfg.Passwd != "" {
			path := filepath.Join(s.dir, "secrets", b.Name)
			if err := writeSecret(path, cfg.Passwd); err != nil {
				return err
			}
			b.Password = "file:" + path
		}
		cfg.DBName, cfg.Logger = "", silent{}
		b.cfg = cfg
		s.backends = append(s.backends, b)
	}
	return nil
}

func writeSecret(path, value string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep a backend's password: %w", err)
	}
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		return fmt.Errorf("keep a backend's password: %w", err)
	}
	return nil
}

func backendAddrs(dsns []string) []string {
	var addrs []string
	for _, dsn := range dsns {
		if cfg, err := mysql.ParseDSN(dsn); err == nil {
			addrs = append(addrs, cfg.Addr)
		}
	}
	return addrs
}

// CreateSchemas makes schemas on every backend, straight and not through the proxy: those that the rules name, before
// the proxy starts.
func (s *Stack) CreateSchemas(ctx context.Context, names ...string) error {
	for _, b := range s.backends {
		connector, err := mysql.NewConnector(b.cfg)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", b.Name, err)
		}
		db := sql.OpenDB(connector)
		err = createSchemas(ctx, db, names)
		db.Close()
		if err != nil {
			return fmt.Errorf("on %s at %s: %w", b.Name, b.Addr, err)
		}
	}
	return nil
}
