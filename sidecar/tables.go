package sidecar

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/router/rule"
)

// rowsOf is a table of heddle whose rows are an administrator's. It implements sysview.Source.
type rowsOf struct {
	columns []sqltypes.Column
	rows    func(ctx context.Context) ([]sqltypes.Row, error)
}

// Columns implements sysview.Source.
func (t rowsOf) Columns() []sqltypes.Column { return t.columns }

// Rows implements sysview.Source.
func (t rowsOf) Rows(ctx context.Context, _ sysview.Reader) ([]sqltypes.Row, error) {
	return t.rows(ctx)
}

// warned is as rowsOf; its rows may be incomplete, which the reader is told. It implements sysview.Source.
type warned struct {
	columns []sqltypes.Column
	rows    func(ctx context.Context, warn func(error)) ([]sqltypes.Row, error)
}

// Columns implements sysview.Source.
func (t warned) Columns() []sqltypes.Column { return t.columns }

// Rows implements sysview.Source.
func (t warned) Rows(ctx context.Context, by sysview.Reader) ([]sqltypes.Row, error) {
	return t.rows(ctx, by.Warn)
}

// tables are those of the database heddle: what this instance knows, and what its documents' keeper tells of the mesh.
func (p *Process) tables() map[string]sysview.Source {
	out := map[string]sysview.Source{
		"data_sources": rowsOf{dataSourceColumns, p.dataSourceRows},
		"replicas":     rowsOf{replicaColumns, p.replicaRows},
		"tables":       rowsOf{tableColumns, p.tableRows},
		"transactions": warned{transactionColumns, txnAdmin{p}.rows},
	}
	for name, t := range p.instanceTables() {
		out[name] = p.everywhere(name, t)
	}
	maps.Copy(out, p.documents.tables())
	return out
}

// eachSource calls f for the data sources of all databases.
func (p *Process) eachSource(f func(l *rule.Layout, ds *rule.DataSource)) {
	for _, l := range p.catalogs.Current().Layouts() {
		for i := range l.DataSources {
			f(l, &l.DataSources[i])
		}
	}
}

var dataSourceColumns = []sqltypes.Column{
	sysview.Text("db", 64), sysview.Text("name", 64), sysview.Text("address", 255), sysview.Text("schema_name", 64), sysview.Text("user", 64),
	sysview.Text("tls", 16), sysview.Text("is_default", 3), sysview.Text("up", 3), sysview.Text("last_error", 512), sysview.Text("xa", 512),
}

func (p *Process) dataSourceRows(context.Context) (rows []sqltypes.Row, _ error) {
	last := map[string]string{}
	for _, s := range p.pools.Stats() {
		last[s.DataSource] = s.LastError
	}
	p.eachSource(func(l *rule.Layout, ds *rule.DataSource) {
		mode := string(rule.TLSDisabled)
		if ds.TLS != nil {
			mode = string(ds.TLS.Mode)
		}
		rows = append(rows, sysview.Cells(l.Database, ds.Name, ds.Address, ds.Schema, ds.User, mode, l.DefaultDataSource == ds.Name, p.pools.Up(ds.Name), last[ds.Name],
			p.transactions.fitness(ds.Name)))
	})
	return rows, nil
}

var tableColumns = []sqltypes.Column{
	sysview.Text("db", 64), sysview.Text("name", 64), sysview.Text("kind", 16), sysview.Text("sharding_key", 255), sysview.Text("algorithm", 32),
	sysview.Text("properties", 1024), sysview.Text("generated_column", 64), sysview.Text("generator", 32), sysview.Number("binding_group"),
	sysview.Number("nodes"), sysview.Text("actual_tables", 4096),
}

// tableRows are the tables that the rules name.
func (p *Process) tableRows(context.Context) (rows []sqltypes.Row, _ error) {
	for _, l := range p.catalogs.Current().Layouts() {
		for _, t := range l.Tables {
			row := sysview.Cells(l.Database, t.Name, "sharded", strings.Join(t.Key, ", "), t.Algorithm.Type, rule.FormatProperties(t.Algorithm.Properties),
				"", "", t.Group, len(t.Nodes), nodeNames(t.Nodes))
			if g := t.Generate; g != nil {
				row[6], row[7] = []byte(g.Column), []byte(g.Type)
			}
			if t.Group == 0 {
				row[8] = nil
			}
			rows = append(rows, row)
		}
		for _, t := range l.Broadcast {
			rows = append(rows, plainTable(l, t.Name, "broadcast", t.Nodes))
		}
		for _, t := range l.Single {
			rows = append(rows, plainTable(l, t.Name, "single", []rule.Node{t.Node}))
		}
	}
	return rows, nil
}

func plainTable(l *rule.Layout, name, kind string, nodes []rule.Node) sqltypes.Row {
	row := sysview.Cells(l.Database, name, kind, "", "", "", "", "", 0, len(nodes), nodeNames(nodes))
	row[8] = nil
	return row
}

// nodeNames lists actual tables as documents write them.
func nodeNames(nodes []rule.Node) string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.DataSource + "." + n.Table
	}
	return strings.Join(names, ", ")
}

var instanceColumns = []sqltypes.Column{
	sysview.Text("name", 64), sysview.Text("address", 255), sysview.Text("alive", 3), sysview.Text("is_this", 3), sysview.Number("number"),
	sysview.Text("zone", 64), sysview.Text("labels", 1024), sysview.Text("version", 64), sysview.Text("offline", 8), sysview.Moment("started"),
}

// labelList writes labels in the order of their names.
func labelList(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name != "zone" {
			parts = append(parts, name+"="+labels[name])
		}
	}
	return strings.Join(parts, ", ")
}

var ruleColumns = []sqltypes.Column{
	sysview.Text("db", 64), sysview.Number("version"), sysview.Text("author", 255), sysview.Moment("changed"), sysview.Text("reason", 16),
	sysview.Text("comment", 1024), sysview.Number("placements"), sysview.Text("behind", 4096), sysview.Text("document", 1<<20),
}

// tables are what an instance knows that stands alone: itself, and its files.
func (f *files) tables() map[string]sysview.Source {
	return map[string]sysview.Source{
		"instances": rowsOf{instanceColumns, func(context.Context) ([]sqltypes.Row, error) {
			c := f.process.config
			row := sysview.Cells(c.Instance.Name, address(c), true, true, 0, c.Instance.Zone, labelList(c.Instance.Labels), version(), "", f.process.began)
			row[4] = nil
			return []sqltypes.Row{row}, nil
		}},
		"rules": rowsOf{ruleColumns, func(context.Context) (rows []sqltypes.Row, _ error) {
			for _, d := range f.documents() {
				row := sysview.Cells(d.Database, 0, "", time.Time{}, "file", strings.Join(f.process.config.Rules.File, ", "), 0, "", string(d.Marshal()))
				row[1], row[6] = nil, nil
				rows = append(rows, row)
			}
			return rows, nil
		}},
	}
}
