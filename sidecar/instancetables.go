package sidecar

import (
	"context"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/sysview"
)

// instanceTable is a table of heddle of which every instance has rows of its own.
type instanceTable struct {
	columns []sqltypes.Column
	// rows are this instance's: to an administrator all, to others those of their account, if the table is open to all.
	rows func(by sysview.Reader) []sqltypes.Row
	open bool
	most int // rows of all other instances together, of each the first; 0: no bound
}

// instanceTables are those tables, by name.
func (p *Process) instanceTables() map[string]*instanceTable {
	return map[string]*instanceTable{
		"pools":    {columns: poolColumns, rows: p.poolRows},
		"sessions": {columns: sessionColumns, rows: p.sessionRows, open: true},
		"digests":  {columns: digestColumns, rows: p.digestRows, most: 20_000},
	}
}

// everywhere is such a table with the rows of all instances.
func (p *Process) everywhere(name string, t *instanceTable) sysview.Source {
	s := meshRows{name: name, table: t, documents: p.documents}
	if t.open {
		return openMeshRows{s}
	}
	return s
}

// meshRows implements sysview.Source.
type meshRows struct {
	name      string
	table     *instanceTable
	documents documents
}

// Columns implements sysview.Source.
func (m meshRows) Columns() []sqltypes.Column { return m.table.columns }

// Rows implements sysview.Source.
func (m meshRows) Rows(ctx context.Context, by sysview.Reader) ([]sqltypes.Row, error) {
	return append(m.table.rows(by), m.documents.othersRows(ctx, m.name, m.table, by)...), nil
}

// openMeshRows are rows of which each account sees its own. It implements sysview.OpenToAll.
type openMeshRows struct{ meshRows }

// OwnRows implements sysview.OpenToAll.
func (openMeshRows) OwnRows() {}

var poolColumns = []sqltypes.Column{
	sysview.Text("instance", 64), sysview.Text("data_source", 255), sysview.Text("address", 255), sysview.Number("max_open"), sysview.Number("open"),
	sysview.Number("idle"), sysview.Number("waiting"), sysview.Text("up", 3), sysview.Text("last_error", 512), sysview.Number("acquired"),
	sysview.Number("waits"), sysview.Number("waited_ms"), sysview.Number("timeouts"), sysview.Number("dials"), sysview.Number("dial_errors"),
	sysview.Number("refused"), sysview.Number("evicted"), sysview.Number("dead"), sysview.Number("destroyed"),
}

func (p *Process) poolRows(sysview.Reader) (rows []sqltypes.Row) {
	for _, s := range p.pools.Stats() {
		rows = append(rows, sysview.Cells(p.config.Instance.Name, s.DataSource, s.Endpoint, s.MaxOpen, s.Open, s.Idle, s.Waiting, !s.Down, s.LastError,
			s.Acquired, s.Waits, s.Waited.Milliseconds(), s.Timeouts, s.Dials, s.DialErrors, s.Refused, s.Evicted, s.Dead, s.Destroyed))
	}
	return rows
}

var sessionColumns = []sqltypes.Column{
	sysview.Text("instance", 64), sysview.Number("id"), sysview.Text("user", 80), sysview.Text("host", 255), sysview.Text("db", 64),
	sysview.Text("command", 16), sysview.Number("seconds"), sysview.Text("state", 255), sysview.Text("info", 1024),
}

func (p *Process) sessionRows(by sysview.Reader) (rows []sqltypes.Row) {
	for _, i := range p.sessions() {
		if by.Admin || i.User == by.User {
			rows = append(rows, sysview.Cells(p.config.Instance.Name, i.ID, i.User, i.Host, i.Database, i.Command.String(),
				int64(time.Since(i.Since).Seconds()), i.State, strings.ToValidUTF8(i.Text, "?")))
		}
	}
	return rows
}

var digestColumns = []sqltypes.Column{
	sysview.Text("instance", 64), sysview.Text("db", 64), sysview.Text("digest", 16), sysview.Text("kind", 32), sysview.Text("statement", 4096),
	sysview.Number("count"), sysview.Number("errors"), sysview.Number("total_us"), sysview.Number("mean_us"), sysview.Number("p50_us"),
	sysview.Number("p99_us"), sysview.Number("p999_us"), sysview.Number("max_us"), sysview.Number("shards"), sysview.Number("rows_shipped"),
	sysview.Number("rows_returned"), sysview.Number("plans"), sysview.Number("planning_us"), sysview.Moment("first_seen"), sysview.Moment("last_seen"),
}

// digestRows are statements by shape, those of most time first.
func (p *Process) digestRows(sysview.Reader) []sqltypes.Row {
	list := p.Digests()
	rows := make([]sqltypes.Row, len(list))
	for i := range list {
		d := &list[i]
		rows[i] = sysview.Cells(p.config.Instance.Name, d.Schema, d.Digest, d.Kind, strings.ToValidUTF8(d.Text, "?"), d.Count, d.Errors,
			d.Total.Microseconds(), d.Mean.Microseconds(), d.P50.Microseconds(), d.P99.Microseconds(), d.P999.Microseconds(), d.Max.Microseconds(),
			d.Shards, d.Shipped, d.Returned, d.Plans, d.Planning.Microseconds(), d.First, d.Last)
	}
	return rows
}
