package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/sharding"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// ddlCheck refuses DDL that would make a sharded table promise what no shard alone can keep: the same checks that a
// rule has to pass, on the table as it is going to be. What the grammar could not read passes: validating the rules
// finds it.
func (p *planning) ddlCheck(t *table) string {
	schema := p.tableAfter(t)
	if schema == nil {
		return ""
	}
	known := map[string]bool{}
	if t.schema != nil && p.stmt.Kind != parser.CreateTable {
		for _, f := range p.check(t, t.schema) {
			known[f.String()] = true // the statement does not make it worse
		}
	}
	for _, f := range p.check(t, schema) {
		if !known[f.String()] {
			return "this DDL of a sharded table: " + f.String()
		}
	}
	return ""
}

// tableAfter is the schema that the statement leaves; nil where it is not known.
func (p *planning) tableAfter(t *table) *catalog.TableSchema {
	switch n := p.stmt.AST.(type) {
	case *ast.CreateTableStmt:
		if n.ReferTable != nil || n.Select != nil {
			return nil
		}
		s := &catalog.TableSchema{Database: t.db, Name: t.name}
		for _, c := range n.Cols {
			addColumn(s, c, collationOption(n.Options))
		}
		for _, c := range n.Constraints {
			p.addConstraint(s, c)
		}
		return s
	case *ast.CreateIndexStmt:
		if t.schema == nil || n.KeyType != ast.IndexKeyTypeUnique {
			return nil
		}
		s := cloneSchema(t.schema)
		s.Indexes = append(s.Indexes, index(n.IndexName, n.IndexPartSpecifications))
		return s
	case *ast.AlterTableStmt:
		if t.schema == nil {
			return nil
		}
		s := cloneSchema(t.schema)
		for _, spec := range n.Specs {
			p.alter(s, spec)
		}
		return s
	}
	return nil
}

// alter applies what matters of one ALTER TABLE clause.
func (p *planning) alter(s *catalog.TableSchema, spec *ast.AlterTableSpec) {
	switch spec.Tp {
	case ast.AlterTableAddConstraint:
		p.addConstraint(s, spec.Constraint)
	case ast.AlterTableAddColumns:
		for _, c := range spec.NewColumns {
			addColumn(s, c, "")
		}
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		for _, c := range spec.NewColumns {
			old := c.Name.Name.O
			if spec.OldColumnName != nil {
				old = spec.OldColumnName.Name.O
			}
			removeColumn(s, old)
			addColumn(s, c, "")
		}
	case ast.AlterTableDropColumn:
		removeColumn(s, spec.OldColumnName.Name.O)
	case ast.AlterTableRenameColumn:
		for i := range s.Columns {
			if strings.EqualFold(s.Columns[i].Name, spec.OldColumnName.Name.O) {
				s.Columns[i].Name = spec.NewColumnName.Name.O
			}
		}
	case ast.AlterTableDropIndex, ast.AlterTableDropPrimaryKey:
		name := spec.Name
		if spec.Tp == ast.AlterTableDropPrimaryKey {
			name = catalog.Primary
		}
		for i := range s.Indexes {
			if strings.EqualFold(s.Indexes[i].Name, name) {
				s.Indexes = append(s.Indexes[:i], s.Indexes[i+1:]...)
				return
			}
		}
	}
}

func cloneSchema(t *catalog.TableSchema) *catalog.TableSchema {
	s := *t
	s.Columns = append([]catalog.Column(nil), t.Columns...)
	s.Indexes = append([]catalog.Index(nil), t.Indexes...)
	s.ForeignKeys = append([]catalog.ForeignKey(nil), t.ForeignKeys...)
	return &s
}

func removeColumn(s *catalog.TableSchema, name string) {
	for i := range s.Columns {
		if strings.EqualFold(s.Columns[i].Name, name) {
			s.Columns = append(s.Columns[:i], s.Columns[i+1:]...)
			return
		}
	}
}

// addColumn adds a column's definition, and the keys that stand in it.
func addColumn(s *catalog.TableSchema, def *ast.ColumnDef, tableCollation string) {
	c := catalog.Column{Name: def.Name.Name.O, Type: strings.ToLower(def.Tp.CompactStr()), Nullable: true, Collation: def.Tp.GetCollate()}
	if mysql.HasUnsignedFlag(def.Tp.GetFlag()) && !strings.Contains(c.Type, "unsigned") {
		c.Type += " unsigned"
	}
	c.DataType, _, _ = strings.Cut(c.Type, "(")
	for _, o := range def.Options {
		switch o.Tp {
		case ast.ColumnOptionNotNull:
			c.Nullable = false
		case ast.ColumnOptionPrimaryKey:
			c.Nullable = false
			s.Indexes = append(s.Indexes, catalog.Index{Name: catalog.Primary, Unique: true, Columns: []catalog.IndexColumn{{Name: c.Name}}})
		case ast.ColumnOptionUniqKey:
			s.Indexes = append(s.Indexes, catalog.Index{Name: c.Name, Unique: true, Columns: []catalog.IndexColumn{{Name: c.Name}}})
		case ast.ColumnOptionAutoIncrement:
			c.AutoIncrement = true
		case ast.ColumnOptionGenerated:
			c.Generated = true
		case ast.ColumnOptionReference:
			s.ForeignKeys = append(s.ForeignKeys, foreignKey("", []string{c.Name}, o.Refer))
		case ast.ColumnOptionCollate:
			c.Collation = o.StrValue
		}
	}
	if c.Collation == "" || c.Collation == "binary" && isCharacter(c.DataType) {
		c.Collation = tableCollation
	}
	if c.Collation == "" && isCharacter(c.DataType) {
		c.Collation = "utf8mb4_general_ci" // the server's default, whichever: only the family matters to the checks
	}
	c.Key = sharding.ParseKeyType(c.Type, c.Collation, !c.Nullable)
	s.Columns = append(s.Columns, c)
}

func isCharacter(dataType string) bool { return dataType == "char" || dataType == "varchar" }

func collationOption(options []*ast.TableOption) string {
	for _, o := range options {
		if o.Tp == ast.TableOptionCollate {
			return o.StrValue
		}
	}
	return ""
}

// addConstraint adds a key or a foreign key.
func (p *planning) addConstraint(s *catalog.TableSchema, c *ast.Constraint) {
	switch c.Tp {
	case ast.ConstraintPrimaryKey:
		s.Indexes = append(s.Indexes, index(catalog.Primary, c.Keys))
	case ast.ConstraintUniq, ast.ConstraintUniqKey, ast.ConstraintUniqIndex:
		s.Indexes = append(s.Indexes, index(c.Name, c.Keys))
	case ast.ConstraintForeignKey:
		s.ForeignKeys = append(s.ForeignKeys, foreignKey(c.Name, partNames(c.Keys), c.Refer))
	}
}

func foreignKey(name string, columns []string, refer *ast.ReferenceDef) catalog.ForeignKey {
	fk := catalog.ForeignKey{Name: name, Columns: columns}
	if refer != nil && refer.Table != nil {
		fk.RefDatabase, fk.RefTable = refer.Table.Schema.O, refer.Table.Name.O
		fk.RefColumns = partNames(refer.IndexPartSpecifications)
	}
	return fk
}

// partNames are the columns of a key.
func partNames(parts []*ast.IndexPartSpecification) []string {
	var names []string
	for _, part := range parts {
		if part.Column != nil {
			names = append(names, part.Column.Name.O)
		}
	}
	return names
}

func index(name string, parts []*ast.IndexPartSpecification) catalog.Index {
	idx := catalog.Index{Name: name, Unique: true}
	for _, part := range parts {
		c := catalog.IndexColumn{Prefix: max(part.Length, 0)}
		if part.Column != nil {
			c.Name = part.Column.Name.O
		}
		idx.Columns = append(idx.Columns, c)
	}
	return idx
}

// keyColumnChange names a change of the sharding key's own columns, which would say anew where rows live.
func (p *planning) keyColumnChange(t *table) string {
	n, ok := p.stmt.AST.(*ast.AlterTableStmt)
	if !ok || p.stmt.Kind != parser.AlterTable {
		return ""
	}
	for _, spec := range n.Specs {
		names := []string{}
		if spec.OldColumnName != nil {
			names = append(names, spec.OldColumnName.Name.O)
		}
		if spec.Tp == ast.AlterTableModifyColumn || spec.Tp == ast.AlterTableChangeColumn {
			for _, c := range spec.NewColumns {
				names = append(names, c.Name.Name.O)
			}
		}
		for _, name := range names {
			if t.keyIndex(name) >= 0 {
				return "ALTER TABLE of the sharding key " + t.name + "." + name
			}
		}
	}
	return ""
}
