package sidecar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// tables are those that the store tells of.
func (s *stored) tables() map[string]sysview.Source {
	return map[string]sysview.Source{
		"instances":    rowsOf{instanceColumns, s.instanceRows},
		"rules":        rowsOf{ruleColumns, s.ruleRows},
		"rule_history": rowsOf{historyColumns, s.historyRows},
	}
}

// untold is what the reader of a table is told whose rows the store did not tell.
func untold(table string, err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return sqlerr.RulesUnreached("heddle." + table + ": " + err.Error())
	}
	return sqlerr.Internal("heddle." + table + ": " + err.Error())
}

func (s *stored) instanceRows(ctx context.Context) ([]sqltypes.Row, error) {
	peers, err := instance.Peers(ctx, s.store)
	if err != nil {
		return nil, untold("instances", err)
	}
	var rows []sqltypes.Row
	for _, p := range peers {
		row := sysview.Cells(p.Name, p.Address, p.Alive, p.Name == s.process.config.Instance.Name, p.Number, p.Labels["zone"], labelList(p.Labels),
			p.Version, string(p.Offline), p.Started)
		if !p.Alive {
			row[4] = nil
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *stored) ruleRows(ctx context.Context) ([]sqltypes.Row, error) {
	pointers, instances, err := s.made.admin.Rules.Status(ctx)
	if err != nil {
		return nil, untold("rules", err)
	}
	var rows []sqltypes.Row
	for _, name := range slices.Sorted(maps.Keys(pointers)) {
		active, err := s.made.admin.Rules.Get(ctx, name)
		if errors.Is(err, admin.ErrNotFound) {
			continue // dropped
		}
		if err != nil {
			return nil, untold("rules", err)
		}
		p := active.Pointer
		rows = append(rows, sysview.Cells(databaseShown(name), p.Version, p.By, p.Time, p.Reason, p.Comment, p.Placement, behind(instances, name), string(active.Bytes())))
	}
	return rows, nil
}

// databaseShown is NULL for the document without a database.
func databaseShown(name string) string {
	if name == mesh.PassThrough {
		return ""
	}
	return name
}

// behind lists the instances that do not run what is in force, with why.
func behind(instances []admin.InstanceStatus, name string) string {
	var out []string
	for i := range instances {
		if why, late := instances[i].Behind[name]; late {
			out = append(out, fmt.Sprintf("%s: %s", instances[i].Instance, why))
		}
	}
	return strings.Join(out, "; ")
}

var historyColumns = []sqltypes.Column{
	sysview.Text("db", 64), sysview.Number("version"), sysview.Text("author", 255), sysview.Moment("made"), sysview.Text("comment", 1024),
	sysview.Text("in_force", 3), sysview.Number("times_in_force"), sysview.Moment("last_in_force_from"), sysview.Text("drops", 3), sysview.Text("document", 1<<20),
}

// historyRows are all versions of all documents of rules, the newest of each first.
func (s *stored) historyRows(ctx context.Context) ([]sqltypes.Row, error) {
	pointers, _, err := s.made.admin.Rules.Status(ctx)
	if err != nil {
		return nil, untold("rule_history", err)
	}
	var rows []sqltypes.Row
	for _, name := range slices.Sorted(maps.Keys(pointers)) {
		h, err := s.made.admin.Rules.History(ctx, name)
		if err != nil {
			return nil, untold("rule_history", err)
		}
		for _, v := range h.Versions {
			times, last := 0, layout.Pointer{}
			for _, m := range slices.Backward(h.Moves) { // oldest first
				if m.Version == v.Number {
					times, last = times+1, m
				}
			}
			rows = append(rows, sysview.Cells(databaseShown(name), v.Number, v.Author, v.Time, v.Comment, v.Number == h.Active, times, last.Time, v.Dropped, v.Text))
		}
	}
	return rows, nil
}
