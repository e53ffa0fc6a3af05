package router

import (
	"strings"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// What a bare name of GROUP BY or HAVING means, an alias or a column or both, and which select items WITH ROLLUP makes
// NULL, a server decides by rules of its own. So the clauses that run over the temporary table keep the client's names:
// its columns are called as they were, and it has the name of the one table whose columns they are. Of several tables
// qualified names become those of the temporary table's columns.

// rowsColumn is a column of the temporary table.
type rowsColumn struct {
	source int // in the block's sources; -1: not looked for, since the statement names columns of that name in one way
	name   string
	at     rewrite.Span // a place where the client names it
	as     string       // what the temporary table calls it, quoted, in the client's charset
	kept   bool         // it is called what it was
}

// rowsRef is a name in the clauses that run over the temporary table.
type rowsRef struct {
	name   *ast.ColumnName
	at     rewrite.Span
	column int
}

// rowsQualifier names the temporary table where it holds columns of several tables.
const rowsQualifier = "`_hdl`"

// lone is the only source whose columns the statement can name, nil: there are several, or its name is not the same in
// every charset.
func (r *rowsResidual) lone() *source {
	if len(r.b.sources) != 1 || r.b.sources[0].name() == "" {
		return nil
	}
	for _, c := range r.b.sources[0].name() {
		if c >= utf8.RuneSelf {
			return nil
		}
	}
	return r.b.sources[0]
}

// resolve finds out which names mean the same column, and how the temporary table calls each.
func (r *rowsResidual) resolve() error {
	ways := map[string]map[string]bool{}
	for _, ref := range r.refs {
		if ways[ref.name.Name.L] == nil {
			ways[ref.name.Name.L] = map[string]bool{}
		}
		ways[ref.name.Name.L][ref.name.Table.L] = true
	}
	for i := range r.refs {
		ref := &r.refs[i]
		source := -1
		if len(r.b.sources) > 1 && len(ways[ref.name.Name.L]) > 1 {
			var err error
			if source, err = r.sourceOf(ref.name); err != nil {
				return err
			}
		}
		ref.column = r.columnOf(source, ref)
	}
	r.call()
	return nil
}

// columnOf is the temporary table's column for a name.
func (r *rowsResidual) columnOf(source int, ref *rowsRef) int {
	for i := range r.columns {
		if r.columns[i].source == source && strings.EqualFold(r.columns[i].name, ref.name.Name.O) {
			return i
		}
	}
	r.columns = append(r.columns, rowsColumn{source: source, name: ref.name.Name.O, at: ref.at})
	r.exprs = append(r.exprs, r.cut(parser.Span(ref.at)))
	return len(r.columns) - 1
}

// sourceOf is the source whose column a name is. Of several that a bare name of USING or NATURAL JOIN may be of it is the first.
func (r *rowsResidual) sourceOf(name *ast.ColumnName) (int, error) {
	for i, s := range r.b.sources {
		if name.Table.O != "" {
			if strings.EqualFold(s.name(), name.Table.O) && (name.Schema.L == "" || s.db == "" || strings.EqualFold(s.db, name.Schema.O)) {
				return i, nil
			}
			continue
		}
		found, err := r.sourceHas(s, name.Name.O)
		if err != nil {
			return 0, err
		}
		if found {
			return i, r.shared(i, name.Name.O)
		}
	}
	return 0, r.p.refuse("a column of a form that Heddle cannot read beside aggregates over several shards")
}

// shared refuses a bare name of several tables where the statement has qualified ones as well and what it means hangs on the join.
func (r *rowsResidual) shared(first int, name string) error {
	for _, s := range r.b.sources[first+1:] {
		found, err := r.sourceHas(s, name)
		switch {
		case err != nil:
			return err
		case found:
			return r.p.refuse("a column of two tables both with its table and without beside aggregates that need the rows of several shards in one place")
		}
	}
	return nil
}

// call gives the columns their names. A bare name is the first column of that name; where a table could not have a column
// called so, it is called otherwise.
func (r *rowsResidual) call() {
	taken := map[string]bool{}
	give := func(i int) {
		c := &r.columns[i]
		low := strings.ToLower(c.name)
		if c.as == "" && !taken[low] && tableColumnName(c.name) {
			c.as, c.kept, taken[low] = r.written(c.at), true, true
		}
	}
	for _, ref := range r.refs {
		if ref.name.Table.L == "" {
			give(ref.column)
		}
	}
	for i := range r.columns {
		give(i)
		if c := &r.columns[i]; c.as == "" {
			c.as = hiddenName(i)
		}
	}
}

// written is a column's name as the client wrote it, without its table, and quoted.
func (r *rowsResidual) written(at rewrite.Span) string {
	tokens := r.p.tokensIn(parser.Span(at))
	name := tokens[len(tokens)-1].In(r.p.stmt.Text)
	if strings.IndexByte("`'\"", name[0]) < 0 {
		return "`" + name + "`"
	}
	return name
}

// maxColumnName is how many characters the name of a table's column may have.
const maxColumnName = 64

// tableColumnName reports whether a table can have a column of that name: a query can have others.
func tableColumnName(name string) bool {
	return name != "" && len([]rune(name)) <= maxColumnName && !strings.HasSuffix(name, " ")
}

// splices put the temporary table's names in the places of the client's, where those would mean something else there.
func (r *rowsResidual) splices() []rewrite.Splice {
	var out []rewrite.Splice
	lone := r.lone()
	for _, ref := range r.refs {
		c := &r.columns[ref.column]
		qualifier := rowsQualifier
		if lone != nil {
			qualifier = ident(lone.name())
		}
		if c.kept && (ref.name.Table.L == "" || lone != nil && ref.name.Schema.L == "") {
			continue
		}
		out = append(out, rewrite.Splice{Span: ref.at, Pieces: []rewrite.Piece{text(qualifier + "." + c.as)}})
	}
	return out
}

// from is the FROM clause over the temporary table.
func (r *rowsResidual) from() []rewrite.Piece {
	qualifier := rowsQualifier
	if lone := r.lone(); lone != nil {
		qualifier = ident(lone.name())
	}
	return []rewrite.Piece{text(" FROM "), {Op: rewrite.Table}, text(" AS " + qualifier)}
}

// columnName is the name of a column of the temporary table, as SQL.
func (r *rowsResidual) columnName(i int) string {
	if i < len(r.columns) {
		return r.columns[i].as
	}
	return hiddenName(i)
}
