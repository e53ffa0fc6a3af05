package sidecar

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/rule"
)

// floor is the greatest value, over all shards, of the column that a sequence fills; 0 without a positive one. A shard
// that does not answer is an error: it may have the greatest.
func (p *Process) floor(ctx context.Context, sequence string) (uint64, error) {
	nodes, column, err := p.sequenceColumn(sequence)
	if err != nil {
		return 0, err
	}
	var greatest uint64
	for _, node := range nodes {
		n, err := p.greatest(ctx, node, column)
		if err != nil {
			return 0, fmt.Errorf("greatest %s on %s: %w", column, node.DataSource, err)
		}
		greatest = max(greatest, n)
	}
	return greatest, nil
}

// sequenceColumn finds the column that a sequence is named for: database.table.column.
func (p *Process) sequenceColumn(sequence string) ([]rule.Node, string, error) {
	for _, l := range p.catalogs.Current().Layouts() {
		for _, t := range l.Tables {
			if column, ok := strings.CutPrefix(sequence, l.Database+"."+t.Name+"."); ok && column != "" {
				return t.Nodes, column, nil
			}
		}
	}
	return nil, "", errors.New("no sharded table has this column")
}

func (p *Process) greatest(ctx context.Context, node rule.Node, column string) (uint64, error) {
	lease, err := p.pools.Acquire(ctx, node.DataSource, 0, nil)
	if err != nil {
		return 0, err
	}
	defer lease.Release()
	if err := lease.Apply(ctx, backend.NewState(), 0); err != nil {
		return 0, err
	}
	_, rows, err := lease.Conn().QueryRows(ctx, "SELECT MAX("+quote(column)+") FROM "+quote(node.Schema)+"."+quote(node.Table))
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeNoSuchTable {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	text := string(rows[0][0])
	if text == "" || strings.HasPrefix(text, "-") {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
