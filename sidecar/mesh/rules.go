package mesh

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// PassThrough is the name under which the document without a database is stored.
const PassThrough = "*"

// NameOf is the name under which a document of rules is stored.
func NameOf(d *rule.Document) string {
	if d.Database == "" {
		return PassThrough
	}
	return d.Database
}

// parse reads the document of a name.
func parse(name string, text []byte) (*rule.Document, error) {
	d, problems := rule.Parse(text)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if NameOf(d) != name {
		return nil, fmt.Errorf("the document is of database %q, not of %q", NameOf(d), name)
	}
	return d, nil
}

// Layouts reads all documents of rules, by name, and lays them out, in the order of their names. The error says what is
// wrong with each of them, or with all together.
func Layouts(texts map[string][]byte) ([]*rule.Layout, error) {
	var docs []*rule.Document
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		d, err := parse(name, texts[name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		docs = append(docs, d)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := rule.ValidateTogether(docs).Err(); err != nil {
		return nil, err
	}
	layouts := make([]*rule.Layout, len(docs))
	for i, d := range docs {
		l, err := d.Resolve()
		if err != nil {
			return nil, fmt.Errorf("rules of %s: %w", NameOf(d), err)
		}
		layouts[i] = l
	}
	_, err := catalog.New(0).WithRules(1, layouts)
	return layouts, err
}

// Placement names the tables whose rows live elsewhere under next than under was. Without was nothing is placed yet;
// without next the document is dropped, and none of its tables may be served as before.
func Placement(was, next []byte) ([]string, error) {
	return comparePlaces(was, next, rule.PlacementChanges)
}

// NamedPlacement is Placement by names of data sources alone; see rule.NamedPlacementChanges.
func NamedPlacement(was, next []byte) ([]string, error) {
	return comparePlaces(was, next, rule.NamedPlacementChanges)
}

func comparePlaces(was, next []byte, changes func(old, new *rule.Layout) []string) ([]string, error) {
	if len(was) == 0 {
		return nil, nil
	}
	before, err := layoutOf(was)
	if err != nil {
		return nil, err
	}
	if len(next) == 0 {
		return append(named(before), rule.AllUnlisted), nil
	}
	after, err := layoutOf(next)
	if err != nil {
		return nil, err
	}
	return changes(before, after), nil
}

// LayoutOf lays one document out.
func LayoutOf(text []byte) (*rule.Layout, error) { return layoutOf(text) }

func layoutOf(text []byte) (*rule.Layout, error) {
	d, problems := rule.Parse(text)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return d.Resolve()
}

// named are the tables that a layout names.
func named(l *rule.Layout) []string {
	var out []string
	for _, t := range l.Tables {
		out = append(out, t.Name)
	}
	for _, t := range l.Broadcast {
		out = append(out, t.Name)
	}
	for _, t := range l.Single {
		out = append(out, t.Name)
	}
	slices.Sort(out)
	return out
}

// Asked are tables of a data source of which its server has to say whether it has rows of them.
type Asked struct {
	Source rule.DataSource
	Nodes  []rule.Node
}

// RowsOf parts tables that after would have elsewhere than before: those that before names, or all that it does not name,
// of which nobody can say by the document that they are empty; and those that it does not name, which are new, or are
// served as single tables from wherever they are found: asked says where that may be, other than where after has them.
func RowsOf(before, after *rule.Layout, tables []string) (risky []string, asked []Asked) {
	known := append(named(before), rule.AllUnlisted)
	stays := map[rule.Node]bool{}
	for _, t := range after.Single {
		stays[rule.Node{DataSource: t.Node.DataSource, Schema: t.Node.Schema, Table: t.Node.Table}] = true
	}
	var unnamed []string
	for _, t := range tables {
		if slices.Contains(known, t) {
			risky = append(risky, t)
		} else {
			unnamed = append(unnamed, t)
		}
	}
	for _, ds := range before.DataSources {
		ask := Asked{Source: ds}
		for _, t := range unnamed {
			if n := before.SingleNode(ds.Name, t); !stays[n] {
				ask.Nodes = append(ask.Nodes, n)
			}
		}
		if len(ask.Nodes) > 0 {
			asked = append(asked, ask)
		}
	}
	return risky, asked
}

// Readdressed are the data sources that next has at another address than was, and those of them, in words, that would be
// where was has another data source. Where was is wrong, or nothing, there are none.
func Readdressed(was, next []byte) (moved []rule.DataSource, onto []string, err error) {
	before, err := layoutOf(was)
	if err != nil {
		return nil, nil, nil
	}
	after, err := layoutOf(next)
	if err != nil {
		return nil, nil, err
	}
	for _, ds := range after.DataSources {
		if old := before.DataSource(ds.Name); old != nil && old.Address != ds.Address {
			moved = append(moved, ds)
		}
	}
	for name, other := range rule.Intruders(before, after) {
		onto = append(onto, fmt.Sprintf("%s would be at the address of %s", name, other))
	}
	slices.Sort(onto)
	return moved, onto, nil
}
