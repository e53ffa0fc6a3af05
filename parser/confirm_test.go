package parser

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// confirmed has the statement parsed once more with every table occurrence and qualifier under a name of its own, and looks
// where the grammar's tree has them: then no occurrence is missed, and none is something else.
func confirmed(t testing.TB, st *Statement) bool {
	t.Helper()
	if st.Inner != nil {
		return confirmed(t, st.Inner)
	}
	if st.AST == nil {
		return false
	}
	tables, quals := map[string]bool{}, map[string]bool{}
	places := map[int]string{} // where the names stand
	ends := map[int]int{}
	for i, x := range st.Tables {
		tag := "heddle_t_" + strconv.Itoa(i)
		tables[tag], places[x.NameSpan.Start], ends[x.NameSpan.Start] = true, tag, x.NameSpan.End
	}
	for i, x := range st.Qualifiers {
		tag := "heddle_q_" + strconv.Itoa(i)
		quals[tag], places[x.NameSpan.Start], ends[x.NameSpan.Start] = true, tag, x.NameSpan.End
	}
	var b strings.Builder
	for i := 0; i < len(st.Text); {
		if tag, ok := places[i]; ok {
			b.WriteString(tag)
			i = ends[i]
			continue
		}
		b.WriteByte(st.Text[i])
		i++
	}
	again, err := Parse(b.String(), st.Mode)
	if err != nil || again.AST == nil {
		return false
	}
	v := &occurrences{tables: map[string]int{}, quals: map[string]int{}}
	again.AST.Accept(v)
	for tag := range tables {
		if v.tables[tag] != 1 {
			return false
		}
		delete(v.tables, tag)
	}
	for tag := range quals {
		if v.quals[tag] < 1 {
			return false
		}
		delete(v.quals, tag)
	}
	for _, x := range st.Tables {
		if x.Role == RoleDelete { // a multi-table DELETE names its targets by their aliases
			delete(v.tables, x.Alias)
		}
	}
	return len(v.tables) == 0 && noQualifierLeft(t, st, v.quals)
}

// noQualifierLeft reports whether each qualifier that is not found is an alias, a derived table or a WITH table.
func noQualifierLeft(t testing.TB, st *Statement, left map[string]int) bool {
	t.Helper()
	again, err := tokenize(st.Text, st.Mode, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{st: again, t: again.Tokens}
	at := r.prefix()
	r.classify(at)
	r.clauses(at)
	r.scopes(at)
	r.tables(at)
	other, lower := map[string]bool{}, map[string]bool{}
	for name := range left {
		lower[strings.ToLower(name)] = true
	}
	for _, b := range r.blocks {
		for _, t := range b.tables {
			if t.alias != "" {
				other[strings.ToLower(t.alias)] = true
			} else if !t.stored {
				other[strings.ToLower(t.name)] = true
			}
		}
	}
	for _, t := range st.Tables {
		if name := strings.ToLower(t.Name); lower[name] && !other[name] {
			return false
		}
	}
	return true
}

// occurrences collects the table names and column qualifiers of a tree.
type occurrences struct {
	tables, quals map[string]int
}

// Enter implements ast.Visitor.
func (v *occurrences) Enter(n ast.Node) (ast.Node, bool) {
	switch x := n.(type) {
	case *ast.TableName:
		v.tables[x.Name.O]++
	case *ast.ColumnName:
		if x.Table.O != "" {
			v.quals[x.Table.O]++
		}
	case *ast.SelectField:
		if x.WildCard != nil && x.WildCard.Table.O != "" {
			v.quals[x.WildCard.Table.O]++
		}
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *occurrences) Leave(n ast.Node) (ast.Node, bool) { return n, true }
