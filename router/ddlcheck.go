package router

import (
	"slices"
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
		if n.ReferTable != nil {
			return p.schemaLike(t)
		}
		if n.Select != nil {
			return nil
		}
		s := &catalog.TableSchema{Database: t.db, Name: t.name}
		for _, c := range n.Cols {
			p.addColumn(s, c, collationOption(n.Options))
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

// like is the table of CREATE TABLE … LIKE; nil where the statement is another.
func (p *planning) like() *table {
	if n, ok := p.stmt.AST.(*ast.CreateTableStmt); ok && n.ReferTable != nil {
		return p.roleTable(parser.RoleReference)
	}
	return nil
}

// requireLike asks for the schema that CREATE TABLE … LIKE copies.
func (p *planning) requireLike() error {
	if l := p.like(); l != nil {
		return p.requireSchema(l)
	}
	return nil
}

// schemaLike is the schema of t as CREATE TABLE … LIKE makes it, which leaves foreign keys out.
func (p *planning) schemaLike(t *table) *catalog.TableSchema {
	l := p.like()
	if l == nil || l.schema == nil {
		return nil
	}
	s := cloneSchema(l.schema)
	s.Database, s.Name, s.ForeignKeys = t.db, t.name, nil
	return s
}

// alter applies what matters of one ALTER TABLE clause.
func (p *planning) alter(s *catalog.TableSchema, spec *ast.AlterTableSpec) {
	switch spec.Tp {
	case ast.AlterTableAddConstraint:
		p.addConstraint(s, spec.Constraint)
	case ast.AlterTableAddColumns:
		for _, c := range spec.NewColumns {
			p.addColumn(s, c, "")
		}
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		for _, c := range spec.NewColumns {
			old := c.Name.Name.O
			if spec.OldColumnName != nil {
				old = spec.OldColumnName.Name.O
			}
			removeColumn(s, old)
			p.addColumn(s, c, "")
		}
	case ast.AlterTableDropColumn:
		removeColumn(s, spec.OldColumnName.Name.O)
	case ast.AlterTableRenameColumn:
		for i := range s.Columns {
			if strings.EqualFold(s.Columns[i].Name, spec.OldColumnName.Name.O) {
				s.Columns[i].Name = spec.NewColumnName.Name.O
			}
		}
	case ast.AlterTableDropForeignKey:
		s.ForeignKeys = slices.DeleteFunc(s.ForeignKeys, func(fk catalog.ForeignKey) bool { return strings.EqualFold(fk.Name, spec.Name) })
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

// addColumn adds a column's definition, and the keys that stand in it. MySQL before 9.0 takes no notice of REFERENCES in it.
func (p *planning) addColumn(s *catalog.TableSchema, def *ast.ColumnDef, tableCollation string) {
	c := catalog.Column{Name: def.Name.Name.O, Type: columnType(def), Nullable: true, Collation: def.Tp.GetCollate()}
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
		case ast.ColumnOptionCollate:
			c.Collation = o.StrValue
		case ast.ColumnOptionReference:
			if p.env.Mode.Flavour.MariaDB || p.env.Mode.Flavour.Version >= 90000 {
				s.ForeignKeys = append(s.ForeignKeys, foreignKey("", []string{c.Name}, o.Refer))
			}
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

// columnType is a column's type as a server writes it. The members of an ENUM keep their case.
func columnType(def *ast.ColumnDef) string {
	name, args, found := strings.Cut(def.Tp.CompactStr(), "(")
	if !found {
		return strings.ToLower(name)
	}
	return strings.ToLower(name) + "(" + args
}

func isCharacter(dataType string) bool {
	return dataType == "char" || dataType == "varchar" || dataType == "enum"
}

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
	case ast.ConstraintKey, ast.ConstraintIndex:
		key := index(c.Name, c.Keys)
		key.Unique = false
		s.Indexes = append(s.Indexes, key)
	case ast.ConstraintForeignKey:
		s.ForeignKeys = append(s.ForeignKeys, foreignKey(c.Name, partNames(c.Keys), c.Refer))
	}
}

// foreignKey reads REFERENCES.
func foreignKey(name string, columns []string, refer *ast.ReferenceDef) catalog.ForeignKey {
	fk := catalog.ForeignKey{Name: name, Columns: columns}
	if refer == nil || refer.Table == nil {
		return fk
	}
	fk.RefDatabase, fk.RefTable = refer.Table.Schema.O, refer.Table.Name.O
	fk.RefColumns = partNames(refer.IndexPartSpecifications)
	if refer.OnDelete != nil {
		fk.OnDelete = refer.OnDelete.ReferOpt.String()
	}
	if refer.OnUpdate != nil {
		fk.OnUpdate = refer.OnUpdate.ReferOpt.String()
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

// keyColumnChange names a change of the sharding key's own columns, which would say anew where rows live, or of the
// rows themselves behind Heddle's back. It reads the words: the grammar does not know all of ALTER TABLE.
func (p *planning) keyColumnChange(t *table) string {
	if p.stmt.Kind != parser.AlterTable {
		return ""
	}
	for i, tok := range p.stmt.Tokens {
		if tok.Depth > 0 {
			continue
		}
		word := func(n int) string {
			if i+n < len(p.stmt.Tokens) {
				return p.stmt.Tokens[i+n].Word
			}
			return ""
		}
		switch {
		case tok.Is("MODIFY") || tok.Is("CHANGE") || tok.Is("DROP") || tok.Is("RENAME"):
			if k := p.namedKey(t, i+1); k != "" {
				return "ALTER TABLE of the sharding key " + t.name + "." + k
			}
		case tok.Is("CONVERT") && word(1) == "TO":
			if k := p.convertedKey(t, i+2); k != "" {
				return "ALTER TABLE … CONVERT TO a character set or collation that the sharding key " + t.name + "." + k +
					" does not have, or that is not named with its COLLATE"
			}
		case tok.Is("EXCHANGE") && word(1) == "PARTITION", tok.Is("CONVERT") && (word(1) == "TABLE" || word(1) == "PARTITION"),
			tok.Is("IMPORT") && (word(1) == "TABLESPACE" || word(1) == "PARTITION"):
			return "ALTER TABLE … " + tok.Word + " " + word(1) + " of the sharded table " + t.name + ": its rows may belong to other shards"
		}
	}
	return ""
}

// numbersRows names a clause of ALTER TABLE by which each server would number the rows that are there: those of a shard from 1,
// those of a copy in an order that is its own where the table has no primary key. It reads the words.
func (p *planning) numbersRows(t *table) string {
	if p.stmt.Kind != parser.AlterTable {
		return ""
	}
	if t.broadcast() && t.schema != nil && slices.ContainsFunc(t.schema.Indexes, func(i catalog.Index) bool { return i.Name == catalog.Primary }) {
		return ""
	}
	clause := 0 // where the one under way begins
	for i, tok := range p.stmt.Tokens {
		if tok.Depth == 0 && (tok.Is("ADD") || tok.Is("MODIFY") || tok.Is("CHANGE")) {
			clause = i
		}
		counts := i+1 < len(p.stmt.Tokens) && (p.stmt.Tokens[i+1].In(p.stmt.Text) == "=" || p.stmt.Tokens[i+1].Kind == parser.Int) // AUTO_INCREMENT = n
		if clause == 0 || counts || !tok.Is("AUTO_INCREMENT") || p.keepsNumbers(t, clause) {
			continue
		}
		return "ALTER TABLE that makes a column of " + t.name + " AUTO_INCREMENT, by which each server would number its own rows"
	}
	return ""
}

// keepsNumbers reports whether a clause leaves the values of the column that it changes as they are: it has AUTO_INCREMENT already,
// or neither 0 nor NULL asks for a number.
func (p *planning) keepsNumbers(t *table, clause int) bool {
	at := clause + 1
	for _, optional := range []string{"COLUMN", "IF", "EXISTS"} {
		if at < len(p.stmt.Tokens) && p.stmt.Tokens[at].Is(optional) {
			at++
		}
	}
	if t.schema == nil || p.stmt.Tokens[clause].Is("ADD") || at >= len(p.stmt.Tokens) || !p.stmt.Tokens[at].Ident() {
		return false
	}
	c := t.schema.Column(identText(p.stmt.Text, p.stmt.Tokens[at]))
	return c != nil && (c.AutoIncrement || p.env.NoAutoValueOnZero && !c.Nullable)
}

// namedKey is the key column that a clause of ALTER TABLE names, the words COLUMN and IF EXISTS aside; empty: none.
func (p *planning) namedKey(t *table, at int) string {
	for _, optional := range []string{"COLUMN", "IF", "EXISTS"} {
		if at < len(p.stmt.Tokens) && p.stmt.Tokens[at].Is(optional) && t.keyIndex(optional) < 0 {
			at++
		}
	}
	if at >= len(p.stmt.Tokens) || !p.stmt.Tokens[at].Ident() {
		return ""
	}
	if k := t.keyIndex(identText(p.stmt.Text, p.stmt.Tokens[at])); k >= 0 {
		return t.place.Sharded.Key[k]
	}
	return ""
}

// convertedKey is a key column that CONVERT TO would give another collation; at is behind TO. The default collation of
// a character set is each server's own affair.
func (p *planning) convertedKey(t *table, at int) string {
	if t.schema == nil {
		return ""
	}
	words := p.stmt.Tokens[at:]
	if len(words) > 0 && words[0].Is("CHARACTER") {
		words = words[1:]
	}
	var charset, collate string
	if len(words) > 1 {
		charset, words = nameText(p.stmt.Text, words[1]), words[2:]
	}
	if len(words) > 1 && words[0].Is("COLLATE") {
		if words = words[1:]; words[0].Is("=") {
			words = words[1:]
		}
		if len(words) > 0 {
			collate = nameText(p.stmt.Text, words[0])
		}
	}
	for _, k := range t.place.Sharded.Key {
		c := t.schema.Column(k)
		if c == nil || c.Collation == "" {
			continue
		}
		if !strings.EqualFold(collate, c.Collation) || !strings.EqualFold(charset, c.Charset) {
			return k
		}
	}
	return ""
}

// nameText is a name that may be written as a string.
func nameText(text string, t parser.Token) string {
	if t.Kind == parser.String {
		return strings.Trim(t.Span.In(text), `'"`)
	}
	return identText(text, t)
}
