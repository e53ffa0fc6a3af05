package parser

import (
	"slices"
	"strings"
)

// tables finds every table occurrence, and then the qualifiers.
func (r *reader) tables(start int) {
	switch r.st.Kind {
	case Explain, Analyze:
		r.inner(start)
		return
	case Insert, Replace:
		r.insertTarget(r.skipWithAt(start))
	case Update:
		r.updateTargets(r.skipWithAt(start))
	case Delete:
		r.deleteTargets(r.skipWithAt(start))
	case Compound, Empty:
	default:
		r.otherTables(start)
	}
	if !r.programBody() {
		r.fromLists(start)
		r.sequences(start)
	}
	byToken := func(a, b TableRef) int { return a.tok - b.tok }
	if !slices.IsSortedFunc(r.st.Tables, byToken) {
		slices.SortStableFunc(r.st.Tables, byToken)
	}
	r.qualifiers(start)
}

func (r *reader) skipWithAt(i int) int {
	if r.is(i, "WITH") {
		return r.skipWith(i)
	}
	return i
}

// programBody reports whether the statement holds the body of a stored program, whose tables are not looked for.
func (r *reader) programBody() bool {
	if r.st.Kind == Compound {
		return true
	}
	return r.st.Kind == OtherDDL && r.st.DDL != nil && strings.Contains(" procedure function trigger event package package body ", " "+r.st.DDL.Object+" ")
}

// fromLists walks over all SELECT … FROM and TABLE t.
func (r *reader) fromLists(start int) {
	type level struct{ sel bool }
	levels := []level{{}}
	for i := start; i < len(r.t); i++ {
		t := r.t[i]
		top := &levels[len(levels)-1]
		switch {
		case t.Is("("):
			levels = append(levels, level{})
		case t.Is(")"):
			if len(levels) > 1 {
				levels = levels[:len(levels)-1]
			}
		case t.Is("SELECT"):
			top.sel = true
		case t.Is("TABLE") && !r.st.Mode.Flavour.MariaDB && (r.st.Kind == Insert || r.st.Kind == Replace || r.st.Kind == Select && r.blockStart(i)):
			if ref, _, ok := r.tableName(i + 1); ok {
				r.read(ref, RoleRead, i+1)
			}
		case t.Is("FROM") && top.sel && r.clauseAt(i) == clFrom:
			r.refs(i+1, t.Depth, RoleRead)
			top.sel = r.st.Kind == Select || top.sel
		}
	}
}

// refs reads table references from token i on, at depth d, and gives the token that ends them.
func (r *reader) refs(i, d int, role Role) int {
	expect := true
	for i < len(r.t) {
		t := r.t[i]
		if t.Is(")") && t.Depth < d {
			return i
		}
		if expect {
			i = r.factor(i, d, role)
			expect = false
			continue
		}
		switch {
		case t.Is("("):
			i = r.after(i)
			continue
		case t.Is(","):
			expect = true
		case t.Is("JOIN"), t.Is("STRAIGHT_JOIN"):
			expect = !r.is(i-1, "FOR") // USE INDEX FOR JOIN (i)
		case r.clauseAt(i) != clNone || r.any(i, "SET", "UNION", "EXCEPT", "INTERSECT", "MINUS", "VALUES", "CONNECT", "START"):
			if !r.afterFactor(i) {
				return i
			}
		case t.Is("USING") && !r.is(i+1, "("):
			return i
		}
		i++
	}
	return i
}

// afterFactor reports whether the word at i, though it could begin a clause, is none here.
func (r *reader) afterFactor(i int) bool {
	return r.any(i, "EXCEPT", "INTERSECT", "MINUS", "START", "CONNECT") && !r.setOp(i) && !r.is(i+1, "WITH") && !r.is(i+1, "BY")
}

// factor reads one table factor at i and gives the index after it, alias included.
func (r *reader) factor(i, d int, role Role) int {
	r.skipAny(&i, "LATERAL")
	for r.is(i, "{") && r.at(i+1).Ident() { // { OJ … }
		i += 2
	}
	t := r.at(i)
	switch {
	case t.Is("("):
		end := r.after(i)
		if r.queryStart(i) {
			return r.derived(end, i)
		}
		r.refs(i+1, t.Depth+1, role)
		return end
	case t.Is("DUAL"):
		return i + 1
	case t.Is("JSON_TABLE") && r.is(i+1, "("), t.Is("TABLE") && r.is(i+1, "("), t.Is("VALUES") && r.is(i+1, "("):
		return r.derived(r.after(i+1), i)
	}
	ref, next, ok := r.tableName(i)
	if !ok {
		return i + 1
	}
	if r.is(next, "(") && role == RoleRead && !r.any(next-1, "PARTITION") {
		return r.derived(r.after(next), i) // a table function
	}
	next = r.tableSuffix(&ref, next)
	r.read(ref, role, i)
	return next
}

// derived reads the alias of a derived table and declares it.
func (r *reader) derived(i, at int) int {
	r.skip(&i, "AS")
	if r.at(i).Ident() && !r.notAlias(i) {
		r.declare(at, scopeTable{name: r.name(i), alias: r.name(i)})
		i++
		if r.is(i, "(") {
			i = r.after(i)
		}
	}
	return i
}

// tableSuffix reads PARTITION (…), FOR SYSTEM_TIME … and the alias behind a table's name.
func (r *reader) tableSuffix(ref *TableRef, i int) int {
	if r.is(i, "PARTITION", "(") {
		i = r.after(i + 1)
	}
	if r.is(i, "FOR", "SYSTEM_TIME") || r.is(i, "FOR", "PORTION") {
		i += 2
		for i < len(r.t) && r.clauseAt(i) == clNone && !r.any(i, ",", "JOIN", ")", "SET", "LEFT", "RIGHT", "INNER", "CROSS", "NATURAL", "ON", "USING") {
			if r.is(i, "AS") && !r.is(i+1, "OF") {
				break
			}
			i = r.after(i)
		}
	}
	as := r.skip(&i, "AS")
	if t := r.at(i); t.Ident() && (as || !r.notAlias(i)) || as && t.Kind == String {
		ref.Alias, ref.AliasSpan = r.name(i), t.Span
		i++
	}
	return i
}

// notAlias reports whether the word at i goes on with the statement instead of naming an alias.
func (r *reader) notAlias(i int) bool {
	t := r.at(i)
	if t.Kind != Word || t.Word == "" {
		return false
	}
	switch t.Word {
	case "JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "NATURAL", "STRAIGHT_JOIN", "ON", "USING", "USE", "FORCE", "IGNORE", "SET",
		"WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "FOR", "LOCK", "INTO", "PROCEDURE", "UNION", "WINDOW", "FETCH", "VALUES",
		"SELECT", "RETURNING", "PARTITION", "AS", "OUTER", "WITH", "READ", "WRITE", "LOW_PRIORITY", "FROM", "LIKE":
		return true
	case "FULL":
		return r.any(i+1, "JOIN", "OUTER")
	case "EXCEPT", "INTERSECT", "MINUS":
		return r.setOp(i)
	case "OFFSET":
		return r.clauseAt(i) != clNone
	case "TABLESAMPLE":
		return r.any(i+1, "SYSTEM", "BERNOULLI")
	}
	return false
}

// read records a table and declares its name in its block.
func (r *reader) read(ref TableRef, role Role, at int) {
	ref.CTE = ref.Schema == "" && role == RoleRead && r.isCTE(ref.Name, ref.tok) ||
		ref.Schema == "" && (role == RoleUpdate || role == RoleDelete) && r.isCTE(ref.Name, ref.tok)
	if r.tableAt[ref.tok] {
		return
	}
	ref.block = int(r.of[at])
	r.add(ref, role)
	r.declare(at, scopeTable{schema: ref.Schema, name: ref.Name, alias: ref.Alias, stored: !ref.CTE})
}

func (r *reader) insertTarget(i int) {
	k := i + 1
	r.skipAny(&k, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO")
	if ref, _, ok := r.tableName(k); ok {
		r.read(ref, RoleInsert, i)
	}
	if c := r.st.Clauses; c != nil && c.RowAlias.Present() {
		for j := k; j < len(r.t); j++ {
			if r.t[j].Start == c.RowAlias.Start {
				r.declare(i, scopeTable{name: r.name(j + 1), alias: r.name(j + 1)})
			}
		}
	}
}

func (r *reader) updateTargets(i int) {
	k := i + 1
	r.skipAny(&k, "LOW_PRIORITY", "IGNORE")
	r.refs(k, r.at(i).Depth, RoleUpdate)
}

// deleteTargets reads the three forms of DELETE.
func (r *reader) deleteTargets(i int) {
	k, d := i+1, r.at(i).Depth
	r.skipAny(&k, "LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY")
	if r.skip(&k, "FROM") {
		using := k
		for using < len(r.t) && r.clauseAt(using) == clNone && !(r.is(using, "USING") && !r.is(using+1, "(")) {
			using = r.after(using)
		}
		if !r.is(using, "USING") {
			r.refs(k, d, RoleDelete)
			return
		}
		r.refs(using+1, d, RoleRead)
		r.deleteList(k, using)
		return
	}
	from := k
	for from < len(r.t) && !r.is(from, "FROM") {
		from++
	}
	r.refs(from+1, d, RoleRead)
	r.deleteList(k, from)
}

// deleteList reads the targets a, b.*, db.c of a multi-table DELETE. A target that is an alias is no table's name.
func (r *reader) deleteList(i, end int) {
	for _, p := range r.commas(i, end) {
		ref, _, ok := r.tableName(p[0])
		if !ok {
			continue
		}
		target, found := r.resolve(ref.Schema, ref.Name, i)
		if r.work += len(r.st.Tables); r.work > maxWork {
			return
		}
		for n := range r.st.Tables {
			t := &r.st.Tables[n]
			if t.block != int(r.of[i]) || t.Role != RoleRead {
				continue
			}
			if ref.Schema == "" && strings.EqualFold(t.Alias, ref.Name) ||
				t.Alias == "" && strings.EqualFold(t.Name, ref.Name) && (ref.Schema == "" || t.Schema == "" || strings.EqualFold(t.Schema, ref.Schema)) {
				t.Role = RoleDelete
			}
		}
		if found && target.alias != "" {
			continue
		}
		ref.DeleteRef = true
		ref.block = int(r.of[i])
		r.add(ref, RoleDelete)
	}
}

// qualifiers finds tbl.col whose tbl is a table's own name, and db.tbl.col whose tbl is that or an alias.
func (r *reader) qualifiers(start int) {
	for i := start; i < len(r.t); i++ {
		if !r.at(i).Ident() || !r.is(i+1, ".") || r.is(i-1, ".") || r.at(i-1).Kind == SysVar || r.tableAt[i] {
			continue
		}
		q := Qualifier{tok: i, schemaTok: -1, Name: r.name(i), NameSpan: r.t[i].Span, Depth: r.t[i].Depth}
		col := i + 2
		if r.at(col).Ident() && r.is(col+1, ".") && (r.at(col+2).Ident() || r.is(col+2, "*")) {
			q.Schema, q.SchemaSpan, q.schemaTok = q.Name, q.NameSpan, i
			q.tok, q.Name, q.NameSpan = col, r.name(col), r.t[col].Span
			col += 2
		}
		switch {
		case r.is(col, "*"):
			q.Column = "*"
		case r.at(col).Ident():
			q.Column = r.name(col)
		default:
			continue
		}
		if r.is(col+1, "(") { // db.function(…)
			continue
		}
		q.ColumnSpan = r.t[col].Span
		if t, ok := r.resolve(q.Schema, q.Name, i); ok && t.stored && (t.alias == "" || q.Schema != "") {
			r.st.Qualifiers = append(r.st.Qualifiers, q)
		}
	}
}
