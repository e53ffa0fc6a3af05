package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Finding is something in a table's schema that its rule does not allow.
type Finding struct {
	Table   string
	Column  string // or key or constraint; empty: the table itself
	Message string
	Hint    string
}

// String is the message in one sentence.
func (f Finding) String() string {
	s := f.Table
	if f.Column != "" {
		s += "." + f.Column
	}
	s += ": " + f.Message
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// CheckTable says what a shard alone cannot guarantee of a sharded table, or what cannot work at all: `validate` asks
// it of the tables that exist, CREATE and ALTER TABLE of those that are to be. tables of l are compared by name as s
// compares them.
//
//   - The sharding key's columns exist, are of usable types, and the algorithm takes them.
//   - A PRIMARY or UNIQUE key holds over all shards: it has the whole sharding key, or the column that Heddle generates
//     (whose values differ everywhere), or the rule says unique: per_shard.
//   - The generated column exists and its type holds what is generated.
//   - A foreign key stays on the row's own shard: it points into the binding group along the sharding key, or to
//     a broadcast table, or the rule says foreign_keys: unchecked. Whatever the rule says, it does not change the
//     sharding key: a row whose key a server changes by itself stays on the shard of the old one.
func CheckTable(ctx context.Context, s *Snapshot, t *rule.ShardedTable, l *rule.Layout, schema *TableSchema, keyer sharding.Keyer) []Finding {
	c := &checker{snapshot: s, rule: t, layout: l, schema: schema}
	c.key(ctx, keyer)
	c.unique()
	c.generator()
	c.foreignKeys()
	c.findings = append(c.findings, KeyActions(s, t, l, schema)...)
	return c.findings
}

// GeneratorOf is the column that Heddle fills in a sharded table: the one of the rule, or the AUTO_INCREMENT column,
// for which segment is assumed; nil when there is none.
func GeneratorOf(t *rule.ShardedTable, schema *TableSchema) *rule.Generator {
	if t.Generate != nil {
		return t.Generate
	}
	if c := schema.AutoIncrement(); c != nil {
		return &rule.Generator{Column: c.Name, Type: keygen.DefaultAutoIncrement}
	}
	return nil
}

type checker struct {
	snapshot *Snapshot
	rule     *rule.ShardedTable
	layout   *rule.Layout
	schema   *TableSchema
	findings []Finding
}

func (c *checker) add(column, message, hint string) {
	c.findings = append(c.findings, Finding{Table: c.rule.Name, Column: column, Message: message, Hint: hint})
}

func (c *checker) key(ctx context.Context, keyer sharding.Keyer) {
	usable := true
	for _, name := range c.rule.Key {
		column := c.schema.Column(name)
		switch {
		case column == nil:
			c.add(name, "the sharding key is not a column of the table", "")
			usable = false
		case column.Key.Family == sharding.FamilyUnsupported || column.Key.Family == sharding.FamilyFloat:
			c.add(name, fmt.Sprintf("a column of type %s cannot be a sharding key", withCollation(column)), "")
			usable = false
		case column.Generated:
			c.add(name, "a generated column cannot be a sharding key: its value is not in the statement", "")
			usable = false
		}
	}
	if !usable {
		return
	}
	if _, err := sharding.New(ctx, c.rule.Algorithm.Type, c.rule.Config(c.schema.KeyTypes(c.rule.Key), keyer)); err != nil {
		c.add(strings.Join(c.rule.Key, ","), err.Error(), "")
	}
}

func withCollation(c *Column) string {
	if c.Collation == "" {
		return c.Type
	}
	return c.Type + " collate " + c.Collation
}

// UniqueLacking is a unique key that has the column and lacks the sharding key, which shards so do not keep unique over
// all; of several one that has no other column. nil: there is none, or the rule says that it need not be.
func UniqueLacking(t *rule.ShardedTable, schema *TableSchema, column string) *Index {
	var found *Index
	for i := range schema.Indexes {
		index := &schema.Indexes[i]
		if !index.Unique || t.UniquePerShard || holdsKey(t, *index) || !hasWhole(*index, column) {
			continue
		}
		if len(index.Columns) == 1 {
			return index
		}
		found = cmp.Or(found, index)
	}
	return found
}

func (c *checker) unique() {
	if c.rule.UniquePerShard {
		return
	}
	generated := GeneratorOf(c.rule, c.schema)
	for _, index := range c.schema.Indexes {
		if !index.Unique || holdsKey(c.rule, index) || generated != nil && hasWhole(index, generated.Column) {
			continue
		}
		what := "unique key " + index.Name
		switch index.Name {
		case Primary:
			what = "the primary key"
		case "": // its server will name it
			what = "the unique key on (" + indexColumns(index) + ")"
		}
		c.add(index.Name, fmt.Sprintf("%s lacks the sharding key (%s): a shard cannot see the duplicates on the others", what, strings.Join(c.rule.Key, ", ")),
			"add the sharding key to it, let Heddle generate the column, or declare unique: per_shard")
	}
}

func indexColumns(index Index) string {
	names := make([]string, len(index.Columns))
	for i, c := range index.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// holdsKey reports whether the whole sharding key is in the index. A prefix of a key column does for it what the
// column does: equal prefixes with unequal values may be on two shards, so it does not count.
func holdsKey(t *rule.ShardedTable, index Index) bool {
	if len(t.Key) == 0 {
		return false
	}
	for _, k := range t.Key {
		if !hasWhole(index, k) {
			return false
		}
	}
	return true
}

func hasWhole(index Index, column string) bool {
	return slices.ContainsFunc(index.Columns, func(p IndexColumn) bool { return p.Prefix == 0 && strings.EqualFold(p.Name, column) })
}

func (c *checker) generator() {
	g := GeneratorOf(c.rule, c.schema)
	if g == nil {
		return
	}
	column := c.schema.Column(g.Column)
	if column == nil {
		if slices.ContainsFunc(c.rule.Key, func(k string) bool { return strings.EqualFold(k, g.Column) }) {
			return // said of the key already
		}
		c.add(g.Column, "the column to generate is not a column of the table", "")
		return
	}
	if a := c.schema.AutoIncrement(); a != nil && a != column {
		c.add(a.Name, fmt.Sprintf("each shard would count this AUTO_INCREMENT column on its own: the rule generates %s", g.Column), "generate "+a.Name+" instead")
	}
	if !holds(column, g) {
		c.add(column.Name, fmt.Sprintf("a column of type %s cannot hold the keys of %s", column.Type, g.Type), "snowflake needs BIGINT, segment an integer, uuid CHAR(36) or, with format: binary, BINARY(16)")
	}
}

// holds reports whether a column takes a generator's keys.
func holds(column *Column, g *rule.Generator) bool {
	k := column.Key
	switch g.Type {
	case "snowflake":
		return k.Family == sharding.FamilyInteger && k.Width == 8
	case "segment":
		return k.Family == sharding.FamilyInteger || k.Family == sharding.FamilyDecimal && k.Scale == 0
	case "uuid":
		if g.Properties["format"] == "binary" {
			return k.Family == sharding.FamilyBinary && k.Length >= 16
		}
		return column.DataType == "uuid" || k.Family == sharding.FamilyString && k.Length >= 36
	}
	return true
}

func (c *checker) foreignKeys() {
	if c.rule.ForeignKeysUnchecked {
		return
	}
	for _, fk := range c.schema.ForeignKeys {
		if why := c.leaves(fk); why != "" {
			c.add(fk.Name, "the foreign key leaves its shard: "+why, "declare foreign_keys: unchecked if the shards need not check it")
		}
	}
}

// leaves says why a foreign key may point to a row of another shard; empty when it cannot.
func (c *checker) leaves(fk ForeignKey) string {
	db := fk.RefDatabase
	if db == "" {
		db = c.schema.Database
	}
	target, ok := c.snapshot.Place(db, fk.RefTable)
	if !ok {
		return fmt.Sprintf("database %q is not known", db)
	}
	switch {
	case target.Kind == KindBroadcast && target.Layout == c.layout:
		return ""
	case target.Kind != KindSharded:
		return fmt.Sprintf("table %q is not sharded with it", fk.RefTable)
	case target.Layout != c.layout || !c.snapshot.same(target.Sharded.Name, c.rule.Name) && (c.rule.Group == 0 || target.Sharded.Group != c.rule.Group):
		return fmt.Sprintf("table %q is not in its binding group", fk.RefTable)
	}
	for i, k := range c.rule.Key {
		at := slices.IndexFunc(fk.Columns, func(n string) bool { return strings.EqualFold(n, k) })
		if at < 0 || at >= len(fk.RefColumns) || !strings.EqualFold(fk.RefColumns[at], target.Sharded.Key[i]) {
			return fmt.Sprintf("%s does not point to the sharding key %q of %q", k, target.Sharded.Key[i], fk.RefTable)
		}
	}
	return ""
}

// KeyActions are the foreign keys whose actions change the sharding key of a row that stays where it is: by then no
// condition on the key finds it. The key may follow that of a table in the binding group, which Heddle lets change
// within the shard only.
func KeyActions(s *Snapshot, t *rule.ShardedTable, l *rule.Layout, schema *TableSchema) []Finding {
	c := &checker{snapshot: s, rule: t, layout: l, schema: schema}
	for _, fk := range schema.ForeignKeys {
		for _, k := range t.Key {
			if len(t.Nodes) > 1 && slices.ContainsFunc(fk.Columns, func(n string) bool { return strings.EqualFold(n, k) }) {
				c.keyAction(fk, k)
			}
		}
	}
	return c.findings
}

// keyAction judges the actions of a foreign key that has the key column k.
func (c *checker) keyAction(fk ForeignKey, k string) {
	name := "the foreign key " + fk.Name
	if fk.Name == "" {
		name = "a foreign key"
	}
	changes := func(when, action string) {
		c.add(k, fmt.Sprintf("%s changes the sharding key %s %s, and the row would stay on the shard of its old key", name, when, action),
			"use RESTRICT or, for ON DELETE, CASCADE")
	}
	for _, a := range []struct{ when, action string }{{"ON DELETE", fk.OnDelete}, {"ON UPDATE", fk.OnUpdate}} {
		if a.action == "SET NULL" || a.action == "SET DEFAULT" {
			changes(a.when, a.action)
		}
	}
	if fk.OnUpdate == "CASCADE" && !c.followsKey(fk) {
		changes("ON UPDATE", "CASCADE")
	}
}

// followsKey reports whether a foreign key points along the sharding key into the table's own binding group.
func (c *checker) followsKey(fk ForeignKey) bool {
	db := fk.RefDatabase
	if db == "" {
		db = c.schema.Database
	}
	target, ok := c.snapshot.Place(db, fk.RefTable)
	return ok && target.Kind == KindSharded && c.leaves(fk) == ""
}
