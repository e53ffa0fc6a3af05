package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// table makes a part of a sharded table: its rows, as far as WHERE keeps them, with the columns that are named.
func (g *gathering) table(at int) (*gatheredPart, error) {
	p := g.p
	ref, t := &p.stmt.Tables[at], p.byRef[at]
	if p.stmt.Clauses == nil {
		return nil, sqlerr.NotSupported("digits or collations of a query in an expression over several shards")
	}
	if p.stmt.Uses.Has(parser.UseMatch | parser.UseDefaultFunc | parser.UseSystemTime | parser.UsePartition | parser.UseIndexHint) {
		return nil, sqlerr.NotSupported("what only the table itself has over several shards")
	}
	for i := range p.stmt.Qualifiers {
		if q := &p.stmt.Qualifiers[i]; q.SchemaSpan.Present() {
			return nil, sqlerr.NotSupported("a column with its schema's name over several shards")
		}
	}
	if err := p.requireSchema(t); err != nil {
		return nil, err
	}
	if t.schema == nil {
		return nil, sqlerr.NoSuchTable(t.db, t.name)
	}
	span := ref.NameSpan
	if ref.SchemaSpan.Present() {
		span.Start = ref.SchemaSpan.Start
	}
	part := &gatheredPart{span: span, plain: true, columns: p.namedColumns(t)}
	if part.columns == nil {
		return nil, sqlerr.NotSupported("* beside an invisible column over several shards")
	}
	names := make([]string, len(part.columns))
	for i := range part.columns {
		names[i] = part.columns[i].Name
	}
	part.shape = append([]rewrite.Piece{text("SELECT " + quotedList(names) + " FROM ")}, p.compileSpan(g.place.Targets, span, nil).Pieces...)
	part.replace = func(t *partText, name string) {
		t.made(ident(name))
		if !ref.AliasSpan.Present() {
			t.made(" AS " + ident(ref.Name))
		}
	}
	return part, g.tableRows(part, at)
}

// tableRows is the query for the rows: with the statement's own WHERE, if it is about this table alone.
func (g *gathering) tableRows(part *gatheredPart, at int) error {
	p := g.p
	ref := &p.stmt.Tables[at]
	c := p.stmt.Clauses
	list := func(t *partText) {
		for i := range part.columns {
			t.made(map[bool]string{true: "SELECT ", false: ", "}[i == 0])
			name := ident(part.columns[i].Name)
			if part.columns[i].DataType == "float" {
				t.made("("+name+")+0E0 AS "+name, "0E0") // it prints only six digits
			} else {
				t.made(name)
			}
		}
	}
	from := parser.Span{Start: part.span.Start, End: max(part.span.End, ref.AliasSpan.End)}
	random := parser.UseRand | parser.UseRowNum | parser.UseUUID | parser.UseNonDeterministic | parser.UseSysdate | parser.UseUnknownFunction
	var texts []*partText
	add := func(from parser.Span, order string) {
		t := &partText{p: p}
		list(t)
		t.made(" FROM ")
		t.client(from)
		t.made(order)
		texts = append(texts, t)
	}
	// In the order of the primary key the rows are for one server what its own table is: what it leaves to chance falls
	// as it would there.
	order := ""
	if pk := primaryKey(p.byRef[at]); len(pk) > 0 {
		order = " ORDER BY " + quotedList(pk)
	}
	if c.From.Present() && c.From.Body == from && c.Where.Present() && !p.usesIn(c.Where.Span, random) {
		add(parser.Span{Start: from.Start, End: c.Where.End}, order)
	}
	add(part.span, order)
	add(part.span, "")
	for _, t := range texts {
		stmt, err := t.parse()
		if err != nil || stmt.AST == nil {
			continue
		}
		if _, err := p.over(stmt, partEnv{temporary: []*gathered{}, given: p.givenBy(t.origins)}); !isRefusal(err) {
			part.stmt, part.origins = stmt, t.origins
			return err
		}
	}
	return sqlerr.NotSupported("the rows of a table in one place")
}

// namedColumns are the columns of a table that the statement can mean: all where a * stands, else those whose names
// occur; nil where that cannot be told.
func (p *planning) namedColumns(t *table) []catalog.Column {
	all := false
	named := map[string]bool{}
	for i, tok := range p.stmt.Tokens {
		switch {
		case tok.Ident():
			named[strings.ToLower(identText(p.stmt.Text, tok))] = true
		case tok.Is("*") && i > 0:
			before := p.stmt.Tokens[i-1]
			all = all || before.Is(".") || before.Is(",") || beforeStar[before.Word]
		}
		all = all || tok.Is("NATURAL")
	}
	var out []catalog.Column
	for _, c := range t.schema.Columns {
		byName := named[strings.ToLower(c.Name)]
		if all && c.Invisible && byName {
			return nil
		}
		if all && !c.Invisible || byName {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		out = append(out, t.schema.Columns[0])
	}
	return out
}

// beforeStar are the words behind which a * means all columns and no product.
var beforeStar = map[string]bool{
	"SELECT": true, "RETURNING": true, "ALL": true, "DISTINCT": true, "DISTINCTROW": true, "HIGH_PRIORITY": true, "STRAIGHT_JOIN": true, "SQL_SMALL_RESULT": true,
	"SQL_BIG_RESULT": true, "SQL_BUFFER_RESULT": true, "SQL_CACHE": true, "SQL_NO_CACHE": true, "SQL_CALC_FOUND_ROWS": true,
}

// literalItem reports whether a select item is a text literal.
func literalItem(stmt *parser.Statement, i int) bool {
	c := stmt.Clauses
	if len(c.Branches) > 0 || c.Paren || i >= len(c.List) {
		return false
	}
	for _, item := range c.List[:i+1] {
		if item.Star {
			return false
		}
	}
	for _, a := range stmt.Args {
		if a.Kind == parser.ArgString && a.Span() == c.List[i].Expr {
			return true
		}
	}
	return false
}

func plainColumnOf(stmt *parser.Statement, span parser.Span) bool {
	return (&planning{stmt: stmt}).plainColumn(span)
}

// columnText reports whether the text of a query's column i has the collation of a stored column, with a column's
// weight: that is what a column of a temporary table has.
func (p *planning) columnText(stmt *parser.Statement, i int) bool {
	sel, ok := stmt.AST.(*ast.SelectStmt)
	if !ok || sel.Fields == nil || sel.From == nil || !storedOnly(sel.From.TableRefs) {
		return false
	}
	star := false
	for _, f := range sel.Fields.Fields {
		star = star || f.WildCard != nil
	}
	if star {
		// Where stars leave open which item the column is, all items have to do.
		for _, f := range sel.Fields.Fields {
			if f.Expr != nil && !p.storedText(f.Expr) {
				return false
			}
		}
		return true
	}
	return i < len(sel.Fields.Fields) && p.storedText(sel.Fields.Fields[i].Expr)
}

// storedOnly reports whether a FROM clause names stored tables only.
func storedOnly(n ast.ResultSetNode) bool {
	switch n := n.(type) {
	case *ast.TableName:
		return true
	case *ast.TableSource:
		return storedOnly(n.Source)
	case *ast.Join:
		return storedOnly(n.Left) && (n.Right == nil || storedOnly(n.Right))
	}
	return false
}

// passing are the functions whose text has the collation of their arguments.
var passing = map[string]bool{
	"concat": true, "upper": true, "ucase": true, "lower": true, "lcase": true, "left": true, "right": true, "substring": true,
	"substr": true, "mid": true, "trim": true, "ltrim": true, "rtrim": true, "reverse": true, "coalesce": true, "ifnull": true,
	"lpad": true, "rpad": true, "repeat": true,
}

// storedText reports whether an expression is a column, or a function that passes a text column's collation on.
func (p *planning) storedText(e ast.ExprNode) bool {
	switch e := bareExpr(e).(type) {
	case *ast.ColumnNameExpr:
		return true
	case *ast.AggregateFuncExpr:
		switch lower(e.F) {
		case ast.AggFuncMax, ast.AggFuncMin:
			return p.storedText(e.Args[0])
		case ast.AggFuncGroupConcat:
			return len(e.Args) > 0 && p.textColumn(e.Args[0])
		}
	case *ast.FuncCallExpr:
		if !passing[e.FnName.L] {
			return false
		}
		for _, a := range e.Args {
			if p.textColumn(a) {
				return true
			}
		}
	}
	return false
}

// textColumn reports whether an expression is a column, and every column of that name in the statement's tables is of
// text.
func (p *planning) textColumn(e ast.ExprNode) bool {
	c, ok := bareExpr(e).(*ast.ColumnNameExpr)
	if !ok {
		return false
	}
	found := false
	for _, t := range p.tables {
		if i := t.column(c.Name.Name.O); i >= 0 {
			if t.schema.Columns[i].Collation == "" {
				return false
			}
			found = true
		}
	}
	return found
}
