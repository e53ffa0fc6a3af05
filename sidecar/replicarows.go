package sidecar

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

var replicaColumns = []sqltypes.Column{
	sysview.Text("db", 64), sysview.Text("data_source", 64), sysview.Text("address", 255), sysview.Text("role", 8), sysview.Text("state", 16),
	sysview.Text("reason", 512), sysview.Moment("since"), sysview.Number("lag_ms"), sysview.Text("gtid", 4096), sysview.Number("server_id"),
	sysview.Text("read_only", 3), sysview.Text("semi_sync", 3), sysview.Text("zone", 64), sysview.Number("weight"), sysview.Number("connections"),
	sysview.Number("in_use"), sysview.Number("answered"), sysview.Number("failed"),
}

// hanging is the state of a server that keeps its connections and answers nothing.
const hanging = "hangs"

// replicaRows are the servers of data sources that have replicas: what this instance has concluded of each, and its own connections
// to it. Of a data source whose replicas are not read nothing is concluded.
func (p *Process) replicaRows(context.Context) (rows []sqltypes.Row, _ error) {
	views := map[string]*topology.View{}
	for _, v := range p.replication.views() {
		views[v.DataSource] = &v
	}
	pools := map[[2]string]*backend.Stats{}
	for _, s := range p.pools.Stats() {
		name, _, _ := strings.Cut(s.DataSource, "@")
		pools[[2]string{name, s.Endpoint}] = &s
	}
	p.eachSource(func(l *rule.Layout, ds *rule.DataSource) {
		if len(ds.Replicas) == 0 {
			return
		}
		declared := []topology.Server{{Address: ds.Address, Zone: ds.Zone, Weight: 1}}
		for _, r := range ds.Replicas {
			declared = append(declared, topology.Server{Address: r.Address, Zone: r.Zone, Weight: max(r.Weight, 1)})
		}
		for i, s := range declared {
			m := &topology.Member{Server: s, Primary: i == 0}
			if v := views[ds.Name]; v != nil && v.Member(s.Address) != nil {
				m = v.Member(s.Address)
			}
			rows = append(rows, replicaRow(l, ds, m, pools[[2]string{ds.Name, s.Address}]))
		}
	})
	return rows, nil
}

// serverStates are all servers of data sources, as metrics tell of them. Where nobody watches, there is the declared primary, by what the
// last connection to it said.
func (p *Process) serverStates() (out []observe.Endpoint) {
	watched := map[string]bool{}
	for _, v := range p.replication.views() {
		watched[v.DataSource] = true
		for i := range v.Members {
			m := &v.Members[i]
			s := observe.Endpoint{DataSource: v.DataSource, Address: m.Address, Role: "replica", State: m.State.String(), Lag: m.Lag, LagKnown: m.LagKnown && !m.Primary}
			if m.Primary {
				s.Role = "primary"
			}
			out = append(out, s)
		}
	}
	for _, pool := range p.pools.Stats() {
		if watched[pool.DataSource] || backend.IsEndpoint(pool.DataSource) {
			continue
		}
		s := observe.Endpoint{DataSource: pool.DataSource, Address: pool.Endpoint, Role: "primary", State: topology.Up.String()}
		switch {
		case pool.Hangs:
			s.State = hanging
		case pool.Down:
			s.State = topology.Down.String()
		}
		out = append(out, s)
	}
	return out
}

// replicaRow is the row of one server; what is not known is NULL.
func replicaRow(l *rule.Layout, ds *rule.DataSource, m *topology.Member, pool *backend.Stats) sqltypes.Row {
	role := "replica"
	if m.Primary {
		role = "primary"
	}
	row := sysview.Cells(l.Database, ds.Name, m.Address, role, m.State.String(), m.Reason, m.Since, m.Lag.Milliseconds(), m.GTID.String(), m.ServerID,
		m.ReadOnly, m.SemiSync, m.Zone, m.Weight, 0, 0, 0, 0)
	if pool != nil && pool.Hangs {
		row[4], row[5] = []byte(hanging), []byte(pool.LastError)
	}
	if pool != nil {
		_, answered := pool.Served.Times.Read()
		copy(row[14:], sysview.Cells(pool.Open, pool.Open-pool.Idle, answered, pool.Served.Failed.Load()))
	} else {
		clear(row[14:])
	}
	if ds.Splitting == nil {
		row[4], row[5] = nil, []byte("it is not watched: the rules do not say read_write_splitting")
	}
	if !m.LagKnown {
		row[7] = nil
	}
	if m.Since.IsZero() {
		clear(row[8:12]) // it has not answered yet
	}
	return row
}
