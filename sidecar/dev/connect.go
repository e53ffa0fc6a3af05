package dev

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// silent drops the driver's own log lines: a connection that fails while a server starts is expected.
type silent struct{}

func (silent) Print(...any) {}

// driverConfig is how this package connects: user root, no password, as the template has it.
func driverConfig(addr, schema string) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "tcp", addr, schema
	cfg.Logger = silent{}
	return cfg
}

// Config returns what go-sql-driver needs to reach the server as root; the caller owns it.
func (s *Server) Config(schema string) *mysql.Config { return driverConfig(s.Addr(), schema) }

// Open returns a pool of connections as root. It does not connect yet.
func (s *Server) Open(schema string) (*sql.DB, error) {
	connector, err := mysql.NewConnector(s.Config(schema))
	if err != nil {
		return nil, fmt.Errorf("connect to server %s: %w", s.spec.Name, err)
	}
	return sql.OpenDB(connector), nil
}

// CreateSchema makes each schema unless it exists.
func (s *Server) CreateSchema(ctx context.Context, names ...string) error {
	db, err := s.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := createSchemas(ctx, db, names); err != nil {
		return fmt.Errorf("on server %s: %w", s.spec.Name, err)
	}
	return nil
}

func createSchemas(ctx context.Context, db *sql.DB, names []string) error {
	for _, name := range names {
		quoted := "`" + strings.ReplaceAll(name, "`", "``") + "`"
		if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+quoted); err != nil {
			return fmt.Errorf("create schema %s: %w", name, err)
		}
	}
	return nil
}

// probe succeeds when a query is answered by the server of this data directory: on a port that was taken between our
// choice and the bind, a stranger may answer.
func (s *Server) probe(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cfg := driverConfig(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "")
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var datadir string
	if err := db.QueryRowContext(ctx, "SELECT @@datadir").Scan(&datadir); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if filepath.Clean(datadir) != s.datadir() {
		return fmt.Errorf("probe: another server answers on port %d", port)
	}
	return nil
}
