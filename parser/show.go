package parser

// show reads SHOW: options, the words that say what, a name, and then FROM, LIKE, WHERE, LIMIT in any order.
func (r *reader) show(i int) *ShowDetail {
	d := &ShowDetail{LikeArg: -1}
	k := i + 1
	for r.any(k, "FULL", "EXTENDED", "GLOBAL", "SESSION", "LOCAL") {
		d.Full = d.Full || r.is(k, "FULL")
		d.Extended = d.Extended || r.is(k, "EXTENDED")
		d.Global = d.Global || r.is(k, "GLOBAL")
		d.Session = d.Session || r.any(k, "SESSION", "LOCAL")
		k++
	}
	k = r.showWhat(d, k)
	if r.takesName(d.What) {
		if ref, next, ok := r.tableName(k); ok && !r.any(k, "FROM", "IN", "LIKE", "WHERE") {
			d.Object, d.DB, d.DBSpan = ref.Name, ref.Schema, ref.SchemaSpan
			k = next
		}
	}
	names := 0
	for ; k < len(r.t); k++ {
		switch {
		case r.any(k, "FROM", "IN") && r.at(k+1).Ident():
			ref, next, _ := r.tableName(k + 1)
			r.showFrom(d, ref, names)
			names++
			k = next - 1
		case r.is(k, "LIKE"):
			d.Like, d.LikeArg = r.at(k+1).Span, r.at(k+1).Arg
			k++
		case r.is(k, "WHERE"):
			d.Where = Clause{r.span(k, len(r.t)), r.span(k+1, len(r.t))}
			return d
		case r.is(k, "LIMIT"):
			d.Limit = r.span(k, len(r.t))
			return d
		}
	}
	return d
}

// ofTable are the SHOW statements whose first FROM names a table, the second its database.
var ofTable = map[string]bool{"COLUMNS": true, "FIELDS": true, "INDEX": true, "INDEXES": true, "KEYS": true}

// showFrom takes the n-th FROM: of SHOW COLUMNS the first is a table, the second its database.
func (r *reader) showFrom(d *ShowDetail, ref TableRef, n int) {
	if ofTable[d.What] && n == 0 {
		d.Object = ref.Name
		if ref.Schema != "" {
			d.DB, d.DBSpan = ref.Schema, ref.SchemaSpan
		}
		return
	}
	d.DB, d.DBSpan = ref.Name, ref.NameSpan
}

// showWhat reads the words that say what is shown.
func (r *reader) showWhat(d *ShowDetail, k int) int {
	words := 0
	for k < len(r.t) && words < 4 {
		t := r.t[k]
		if t.Kind == Op && t.Is("(") { // SHOW COUNT(*) WARNINGS
			d.What += "(*)"
			k = r.after(k)
			continue
		}
		if t.Kind != Word || r.any(k, "FROM", "IN", "LIKE", "WHERE", "LIMIT", "FOR") {
			break
		}
		if words > 0 && r.takesName(d.What) {
			break
		}
		if d.What != "" {
			d.What += " "
		}
		d.What += t.Word
		words++
		k++
		if r.is(k-2, "CREATE") && r.any(k-1, "PACKAGE") && r.is(k, "BODY") {
			continue
		}
	}
	if d.What == "SCHEMAS" {
		d.What = "DATABASES"
	}
	if d.What == "CREATE SCHEMA" {
		d.What = "CREATE DATABASE"
	}
	r.skip(&k, "IF", "NOT", "EXISTS")
	return k
}

// takesName reports whether a name follows the words.
func (r *reader) takesName(what string) bool {
	switch what {
	case "CREATE TABLE", "CREATE VIEW", "CREATE DATABASE", "CREATE SCHEMA", "CREATE PROCEDURE", "CREATE FUNCTION", "CREATE TRIGGER",
		"CREATE EVENT", "CREATE SEQUENCE", "CREATE USER", "CREATE PACKAGE BODY", "PROCEDURE CODE", "FUNCTION CODE", "ENGINE":
		return true
	}
	return false
}

// showTables records the table that a SHOW names.
func (r *reader) showTables(i int) {
	for k := i; k < len(r.t); k++ {
		switch {
		case r.is(k, "CREATE") && r.any(k+1, "TABLE", "VIEW", "SEQUENCE"):
			n := k + 2
			r.skip(&n, "IF", "NOT", "EXISTS")
			r.target(n, RoleShow)
			return
		case r.any(k, "COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS") && r.any(k+1, "FROM", "IN"):
			r.showColumnsTable(k + 2)
			return
		case r.any(k, "LIKE", "WHERE", "FROM", "IN"):
			return
		}
	}
}

// showColumnsTable reads t [FROM db]: then the schema stands behind the name.
func (r *reader) showColumnsTable(k int) {
	ref, next, ok := r.tableName(k)
	if !ok {
		return
	}
	if r.any(next, "FROM", "IN") && r.at(next+1).Ident() {
		ref.Schema, ref.SchemaSpan, ref.schemaTok = r.name(next+1), r.at(next+1).Span, next+1
	}
	r.add(ref, RoleShow)
}

// describe reads DESCRIBE table [column | pattern].
func (r *reader) describe(i int) *ShowDetail {
	d := &ShowDetail{What: "COLUMNS", LikeArg: -1}
	k := r.explainOptions(i + 1)
	ref, next, ok := r.tableName(k)
	if !ok {
		return d
	}
	d.Object, d.DB, d.DBSpan = ref.Name, ref.Schema, ref.SchemaSpan
	if next < len(r.t) {
		d.Like, d.LikeArg = r.at(next).Span, r.at(next).Arg
	}
	return d
}
