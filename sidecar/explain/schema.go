package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// declared puts the tables of the CREATE TABLE statements into the snapshot.
func (e *explanation) declared(snap *catalog.Snapshot) (*catalog.Snapshot, error) {
	for rest := e.in.Schema; strings.TrimSpace(rest) != ""; {
		var scan parser.Scan
		if err := scan.Scan([]byte(rest), e.mode); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		text, next := rest[:scan.End], scan.Next
		if !scan.Empty {
			stmt, err := parser.Parse(text, e.mode)
			if err != nil {
				return nil, fmt.Errorf("schema: %w", err)
			}
			if schema, ok := router.Declared(stmt, e.in.Database); ok {
				snap = snap.WithTables(schema)
			}
		}
		if next < 0 {
			break
		}
		rest = rest[next:]
	}
	return snap, nil
}

// assume makes up the tables that nobody has declared: with the columns whose types the rules or the caller say, and the
// sharding key in any case.
func (e *explanation) assume(names []router.Name) {
	for _, name := range names {
		place, ok := e.snap.Place(name.Database, name.Table)
		if !ok {
			e.snap = e.snap.WithoutTable(name.Database, name.Table)
			continue
		}
		schema := catalog.TableSchema{Database: name.Database, Name: name.Table}
		if t := place.Sharded; t != nil {
			for i, key := range t.Key {
				stated := ""
				if i < len(t.KeyTypes) {
					stated = t.KeyTypes[i]
				}
				e.addColumn(&schema, key, stated)
			}
			if t.Generate != nil && schema.Column(t.Generate.Column) == nil {
				e.addColumn(&schema, t.Generate.Column, "")
			}
		}
		for _, full := range slices.Sorted(maps.Keys(e.in.Types)) {
			if table, column, ok := splitName(full); ok && strings.EqualFold(table, name.Table) && schema.Column(column) == nil {
				e.addColumn(&schema, column, "")
			}
		}
		e.assumed = append(e.assumed, fmt.Sprintf("nothing is known of table %s.%s but %s", name.Database, name.Table, columnList(&schema)))
		e.snap = e.snap.WithTables(schema)
	}
}

// addColumn adds a column of the type that the caller, or else the rule, states; bigint where nobody does.
func (e *explanation) addColumn(s *catalog.TableSchema, name, stated string) {
	typ := stated
	for full, t := range e.in.Types {
		if table, column, ok := splitName(full); ok && strings.EqualFold(table, s.Name) && strings.EqualFold(column, name) {
			typ = t
		}
	}
	if typ == "" {
		typ = "bigint(20)"
		e.assumed = append(e.assumed, fmt.Sprintf("%s.%s is a bigint (--types %s.%s=TYPE says otherwise)", s.Name, name, s.Name, name))
	}
	c := catalog.Column{Name: name, Type: strings.ToLower(typ), Nullable: true}
	c.DataType, _, _ = strings.Cut(c.Type, "(")
	c.DataType, _, _ = strings.Cut(c.DataType, " ")
	switch c.DataType {
	case "char", "varchar":
		c.Charset, c.Collation = "utf8mb4", "utf8mb4_general_ci"
	}
	c.Key = sharding.ParseKeyType(c.Type, c.Collation, false)
	s.Columns = append(s.Columns, c)
}

func columnList(s *catalog.TableSchema) string {
	var out []string
	for _, c := range s.Columns {
		out = append(out, c.Name+" "+c.Type)
	}
	if len(out) == 0 {
		return "its name"
	}
	return strings.Join(out, ", ")
}
