package distrule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Changes reports whether a statement changes a document, which Apply does.
func Changes(st *distsql.Statement) bool {
	switch st.Verb {
	case distsql.Register, distsql.Unregister, distsql.Create, distsql.Alter, distsql.Drop, distsql.Load, distsql.Unload, distsql.Set:
		return true
	}
	return false
}

// Apply changes a document as a statement says. The notes are for its author.
func Apply(d *rule.Document, st *distsql.Statement) (notes []string, err error) {
	c := &change{d: d, st: st}
	switch st.Object {
	case distsql.StorageUnit:
		err = c.storageUnits()
	case distsql.TableRule:
		err = c.tableRules()
	case distsql.ReferenceRule:
		err = c.references()
	case distsql.BroadcastRule:
		err = c.broadcasts()
	case distsql.SingleTable:
		err = c.singles()
	case distsql.SingleDefault:
		err = c.singleDefault()
	case distsql.ReadwriteRule:
		err = c.readwrite()
	default:
		err = sqlerr.NotSupported(string(st.Verb) + " " + string(st.Object))
	}
	return c.notes, err
}

// change is one statement on its way into a document.
type change struct {
	d     *rule.Document
	st    *distsql.Statement
	notes []string
}

func (c *change) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// exists refuses what is there already, unless the statement allows it.
func (c *change) exists(what, name string) error {
	if c.st.IfNotExists {
		c.note("%s %s is there already", what, name)
		return nil
	}
	return sqlerr.RuleRefused(what + " " + name + " is there already")
}

// missing refuses what is not there, unless the statement allows it.
func (c *change) missing(what, name string) error {
	if c.st.IfExists {
		c.note("there is no %s %s", what, name)
		return nil
	}
	return sqlerr.RuleRefused("there is no " + what + " " + name)
}

func (c *change) source(name string) int {
	return slices.IndexFunc(c.d.DataSources, func(ds rule.DataSource) bool { return ds.Name == name })
}

func (c *change) table(name string) int {
	return slices.IndexFunc(c.d.Tables, func(t rule.Table) bool { return strings.EqualFold(t.Name, name) })
}

func fold(name string) func(string) bool {
	return func(other string) bool { return strings.EqualFold(name, other) }
}

// unlist takes a table out of the single tables, where it may be declared.
func (c *change) unlist(table string) (was bool) {
	for i := range c.d.Single {
		s := &c.d.Single[i]
		if at := slices.IndexFunc(s.Tables, fold(table)); at >= 0 {
			s.Tables, was = slices.Delete(s.Tables, at, at+1), true
		}
	}
	c.d.Single = slices.DeleteFunc(c.d.Single, func(s rule.SingleTables) bool { return len(s.Tables) == 0 })
	return was
}

func (c *change) tableRules() error {
	if c.st.Verb == distsql.Drop {
		return c.dropTables()
	}
	for i := range c.st.Tables {
		asked := &c.st.Tables[i]
		at := c.table(asked.Name)
		switch {
		case at >= 0 && c.st.Verb == distsql.Create:
			if err := c.exists("the sharding table rule", asked.Name); err != nil {
				return err
			}
			continue
		case at < 0 && c.st.Verb == distsql.Alter:
			return c.missing("sharding table rule", asked.Name)
		case slices.ContainsFunc(c.d.Broadcast, fold(asked.Name)):
			return sqlerr.RuleRefused("the table " + asked.Name + " is a broadcast table")
		}
		made, err := c.sharded(asked)
		if err != nil {
			return err
		}
		if at < 0 {
			if c.unlist(asked.Name) {
				c.note("the table %s was a single table", asked.Name)
			}
			c.d.Tables = append(c.d.Tables, made)
			continue
		}
		old := &c.d.Tables[at] // what the statement has no words for stays
		made.Name, made.KeyTypes, made.UniquePerShard, made.ForeignKeysUnchecked = old.Name, old.KeyTypes, old.UniquePerShard, old.ForeignKeysUnchecked
		if !slices.Equal(made.Key, old.Key) {
			made.KeyTypes = nil
		}
		*old = made
	}
	return nil
}

func (c *change) dropTables() error {
	for _, name := range c.st.Names {
		at := c.table(name)
		if at < 0 {
			if err := c.missing("sharding table rule", name); err != nil {
				return err
			}
			continue
		}
		for _, g := range c.d.Binding {
			if slices.ContainsFunc(g, fold(name)) {
				return sqlerr.RuleRefused("the table " + name + " is in the reference rule " + g[0] + ", which goes first")
			}
		}
		c.d.Tables = slices.Delete(c.d.Tables, at, at+1)
	}
	return nil
}

// references are binding groups, which documents do not name: a group is called after its first table.
func (c *change) references() error {
	if c.st.Verb == distsql.Drop {
		for _, name := range c.st.Names {
			at := c.group(name)
			if at < 0 {
				if err := c.missing("reference rule", name); err != nil {
					return err
				}
				continue
			}
			c.d.Binding = slices.Delete(c.d.Binding, at, at+1)
		}
		return nil
	}
	for _, ref := range c.st.References {
		for _, name := range ref.Tables {
			if c.table(name) < 0 {
				return sqlerr.RuleRefused("there is no sharding table rule " + name)
			}
		}
		at := c.group(ref.Name)
		switch {
		case c.st.Verb == distsql.Alter && at < 0:
			return c.missing("reference rule", ref.Name)
		case c.st.Verb == distsql.Alter:
			c.d.Binding[at] = ref.Tables
			continue
		case c.group(ref.Tables[0]) >= 0:
			if err := c.exists("the reference rule", ref.Tables[0]); err != nil {
				return err
			}
			continue
		}
		c.d.Binding = append(c.d.Binding, ref.Tables)
		if !strings.EqualFold(ref.Name, ref.Tables[0]) {
			c.note("reference rules are called after their first table: this one is %s", ref.Tables[0])
		}
	}
	return nil
}

// group finds a binding group by its first table.
func (c *change) group(name string) int {
	return slices.IndexFunc(c.d.Binding, func(g []string) bool { return strings.EqualFold(g[0], name) })
}

func (c *change) broadcasts() error {
	for _, name := range c.st.Names {
		at := slices.IndexFunc(c.d.Broadcast, fold(name))
		switch {
		case c.st.Verb == distsql.Drop && at < 0:
			if err := c.missing("broadcast table", name); err != nil {
				return err
			}
		case c.st.Verb == distsql.Drop:
			c.d.Broadcast = slices.Delete(c.d.Broadcast, at, at+1)
		case at >= 0:
			if err := c.exists("the broadcast table", name); err != nil {
				return err
			}
		case c.table(name) >= 0:
			return sqlerr.RuleRefused("the table " + name + " has a sharding table rule")
		default:
			c.unlist(name)
			c.d.Broadcast = append(c.d.Broadcast, name)
		}
	}
	return nil
}

// singles states where single tables are. All that no rule names are found without a rule.
func (c *change) singles() error {
	for _, name := range c.st.Names {
		unit, table, qualified := strings.Cut(name, ".")
		if !qualified {
			unit, table = "", name
		}
		switch {
		case c.st.Verb == distsql.Unload && table == "*":
			c.d.Single = nil
		case c.st.Verb == distsql.Unload:
			if !c.unlist(table) {
				if err := c.missing("single table", table); err != nil {
					return err
				}
			}
		case table == "*":
			c.note("%s needs no rule: a table that none names is single, where it is found", name)
		case !qualified:
			return sqlerr.RuleRefused("which storage unit has " + name + "? LOAD SINGLE TABLE unit." + name)
		case c.source(unit) < 0:
			return sqlerr.RuleRefused("there is no storage unit " + unit)
		default:
			c.load(unit, table)
		}
	}
	return nil
}

func (c *change) load(unit, table string) {
	c.unlist(table)
	at := slices.IndexFunc(c.d.Single, func(s rule.SingleTables) bool { return s.DataSource == unit })
	if at < 0 {
		at = len(c.d.Single)
		c.d.Single = append(c.d.Single, rule.SingleTables{DataSource: unit})
	}
	c.d.Single[at].Tables = append(c.d.Single[at].Tables, table)
}

func (c *change) singleDefault() error {
	unit := c.st.Names[0]
	if strings.EqualFold(unit, "RANDOM") {
		return sqlerr.NotSupported("single tables on a storage unit by chance: one unit is the default")
	}
	if c.source(unit) < 0 {
		return sqlerr.RuleRefused("there is no storage unit " + unit)
	}
	c.d.Defaults.DataSource = unit
	return nil
}
