package parser

// otherTables finds the tables of statements that are neither queries nor data changes.
func (r *reader) otherTables(i int) {
	st := r.st
	switch st.Kind {
	case Truncate:
		k := i + 1
		r.skip(&k, "TABLE")
		r.list(k, RoleDDL)
	case CreateTable, CreateTemporaryTable, AlterTable, DropTable, DropTemporaryTable, CreateIndex, DropIndex, CreateView,
		DropView, CreateDatabase, AlterDatabase, DropDatabase, OtherDDL:
		r.ddlTables(i)
	case RenameTable:
		r.renameTables(i)
	case LockTables:
		k := i + 2
		for _, p := range r.commas(k, len(r.t)) {
			if ref, next, ok := r.tableName(p[0]); ok {
				r.tableSuffix(&ref, next)
				r.add(ref, RoleLock)
			}
		}
	case LoadData:
		for k := i; k < len(r.t); k++ {
			if r.is(k, "INTO", "TABLE") {
				r.target(k+2, RoleInsert)
			}
		}
	case TableAdmin:
		r.adminTables(i)
	case Handler:
		r.target(i+1, RoleRead)
	case Describe:
		r.target(r.explainOptions(i+1), RoleShow)
	case Show:
		r.showTables(i)
	case Flush:
		r.flushTables(i)
	case Help:
	}
}

func (r *reader) target(i int, role Role) int {
	ref, next, ok := r.tableName(i)
	if ok {
		r.add(ref, role)
	}
	return next
}

// list reads a, b, c.
func (r *reader) list(i int, role Role) {
	for {
		next := r.target(i, role)
		if next == i || !r.is(next, ",") {
			return
		}
		i = next + 1
	}
}

func (r *reader) adminTables(i int) {
	for k := i; k < len(r.t); k++ {
		if r.any(k, "TABLE", "TABLES", "VIEW", "INDEX") {
			for _, p := range r.commas(k+1, len(r.t)) {
				r.target(p[0], RoleDDL)
			}
			return
		}
	}
}

func (r *reader) flushTables(i int) {
	for k := i; k < len(r.t); k++ {
		if r.any(k, "TABLE", "TABLES") {
			if r.at(k+1).Ident() && !r.is(k+1, "WITH") && !r.is(k+1, "FOR") {
				r.list(k+1, RoleLock)
			}
			return
		}
	}
}

func (r *reader) renameTables(i int) {
	k := i + 2
	r.skip(&k, "IF", "EXISTS")
	for _, p := range r.commas(k, len(r.t)) {
		next := r.target(p[0], RoleDDL)
		for next < p[1] && !r.is(next, "TO") {
			next++
		}
		if next < p[1] {
			r.target(next+1, RoleReference)
		}
	}
}

func (r *reader) ddlTables(i int) {
	k := r.ddlDetail(i)
	switch r.st.DDL.Object {
	case "table":
		if r.st.Kind == DropTable || r.st.Kind == DropTemporaryTable {
			r.list(k, RoleDDL)
			return
		}
		next := r.target(k, RoleDDL)
		r.tableBody(next)
	case "view":
		if r.st.Kind == DropView {
			r.list(k, RoleDDL)
			return
		}
		r.tableBody(r.target(k, RoleDDL))
	case "sequence":
		r.list(k, RoleDDL)
	case "index", "trigger":
		for ; k < len(r.t); k++ {
			if r.is(k, "ON") {
				r.target(k+1, RoleDDL)
				return
			}
		}
	}
}

// tableBody finds the tables that CREATE and ALTER TABLE name beside their own, and the query of CREATE … SELECT.
func (r *reader) tableBody(from int) {
	like := from
	for r.is(like, "(") {
		like++
	}
	if r.is(like, "LIKE") {
		r.st.DDL.Like = true
		r.target(like+1, RoleReference)
		return
	}
	for k := from; k < len(r.t); k++ {
		switch {
		case r.is(k, "REFERENCES"):
			r.target(k+1, RoleReference)
		case r.st.Kind == AlterTable && r.any(k, "RENAME") && r.t[k].Depth == 0 && !r.any(k+1, "COLUMN", "INDEX", "KEY", "CONSTRAINT"):
			n := k + 1
			r.skipAny(&n, "TO", "AS", "=")
			r.target(n, RoleReference)
		case r.is(k, "UNION", "=", "("), r.is(k, "UNION", "("):
			open := k + 1
			r.skip(&open, "=")
			r.list(open+1, RoleReference)
		case r.is(k, "WITH", "TABLE"):
			r.target(k+2, RoleReference)
		case r.any(k, "SELECT", "WITH") && !r.st.DDL.Select.Present() && r.queryHere(k):
			end := len(r.t)
			if r.st.Kind == CreateView {
				end = r.viewEnd(k)
			}
			r.st.DDL.Select = r.span(k, end)
		}
	}
}

// queryHere reports whether the word at k opens the query of CREATE … SELECT.
func (r *reader) queryHere(k int) bool {
	if r.st.Kind != CreateTable && r.st.Kind != CreateTemporaryTable && r.st.Kind != CreateView {
		return false
	}
	return r.is(k, "SELECT") || r.at(k+1).Ident() && (r.is(k+2, "AS", "(") || r.is(k+2, "(") || r.is(k+1, "RECURSIVE"))
}

// viewEnd is where a view's query ends: before WITH CHECK OPTION.
func (r *reader) viewEnd(k int) int {
	for ; k < len(r.t); k++ {
		if r.is(k, "WITH", "CHECK", "OPTION") || r.is(k, "WITH", "CASCADED", "CHECK") || r.is(k, "WITH", "LOCAL", "CHECK") {
			return k
		}
	}
	return k
}

// sequences finds NEXT VALUE FOR s, PREVIOUS VALUE FOR s, NEXTVAL(s), LASTVAL(s), SETVAL(s, …), and s.NEXTVAL in
// ORACLE mode.
func (r *reader) sequences(start int) {
	if !r.st.Mode.Flavour.MariaDB {
		return
	}
	for i := start; i < len(r.t); i++ {
		switch {
		case r.is(i, "NEXT", "VALUE", "FOR"), r.is(i, "PREVIOUS", "VALUE", "FOR"):
			r.target(i+3, RoleRead)
		case r.any(i, "NEXTVAL", "LASTVAL", "SETVAL") && r.is(i+1, "(") && r.at(i+2).Ident():
			r.target(i+2, RoleRead)
		}
	}
}

// inner parses the statement of EXPLAIN and ANALYZE.
func (r *reader) inner(start int) {
	j := r.explainOptions(start + 1)
	if r.is(j, "FOR", "CONNECTION") || j >= len(r.t) {
		return
	}
	r.st.InnerStart = r.t[j].Start
	in, err := Parse(r.st.Text[r.st.InnerStart:], r.st.Mode)
	if err != nil {
		return
	}
	r.st.Inner = in
	r.st.InnerArg = len(r.st.Args) - len(in.Args)
	move := func(s *Span) {
		if s.Present() {
			s.Start += r.st.InnerStart
			s.End += r.st.InnerStart
		}
	}
	for _, t := range in.Tables {
		move(&t.SchemaSpan)
		move(&t.NameSpan)
		move(&t.AliasSpan)
		r.st.Tables = append(r.st.Tables, t)
	}
	for _, q := range in.Qualifiers {
		move(&q.SchemaSpan)
		move(&q.NameSpan)
		move(&q.ColumnSpan)
		r.st.Qualifiers = append(r.st.Qualifiers, q)
	}
}
