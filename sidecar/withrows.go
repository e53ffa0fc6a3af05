package sidecar

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// What servers say of a table that they do not have.
const (
	noSuchDatabase = 1049
	noSuchTable    = 1146
)

// askWait is how long a server may take to tell whether tables have rows.
const askWait = 10 * time.Second

// WithRows asks a data source which of the tables at nodes it has, and rows in them.
func WithRows(ctx context.Context, c *config.Config, ds *rule.DataSource, nodes []rule.Node) (filled []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	one, err := source(c, ds)
	if err != nil {
		return nil, err
	}
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0)})
	defer func() { err = errors.Join(err, pools.Close(context.WithoutCancel(ctx))) }()
	if err := pools.Set([]backend.DataSource{one}); err != nil {
		return nil, err
	}
	lease, err := pools.Acquire(ctx, one.Name, 0, nil)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	for _, n := range nodes {
		_, rows, err := lease.Conn().QueryRows(ctx, "SELECT 1 FROM "+quoted(n.Schema)+"."+quoted(n.Table)+" LIMIT 1")
		if e := (*sqlerr.Error)(nil); errors.As(err, &e) && (e.Code == noSuchTable || e.Code == noSuchDatabase) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask for rows of %s: %w", n.Table, err)
		}
		if len(rows) > 0 {
			filled = append(filled, n.Table)
		}
	}
	return filled, nil
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
