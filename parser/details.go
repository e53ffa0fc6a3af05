package parser

import "strings"

// details reads what the session needs of the statements that it handles itself.
func (r *reader) details(i int) {
	st := r.st
	switch st.Kind {
	case Set:
		st.Set = r.setList(i + 1)
	case Use:
		st.Use = r.name(i + 1)
	case Begin, Commit, Rollback, Savepoint, RollbackTo, Release, SetTransaction:
		st.Txn = r.txn(i)
	case Kill:
		st.Kill = r.kill(i)
	case Prepare, Execute, ExecuteImmediate, Deallocate:
		st.Prepare = r.prepared(i)
	case Show:
		st.Show = r.show(i)
	case Describe:
		st.Show = r.describe(i)
	case Explain, Analyze:
		st.Explain = r.explain(i)
	case Call:
		if ref, _, ok := r.tableName(i + 1); ok {
			st.Called = &ref
		}
	case LoadData:
		st.Local = r.any(i+2, "LOCAL") || r.any(i+3, "LOCAL")
	case RenameTable:
		st.DDL = &DDLDetail{Object: "table"}
	case Truncate:
		st.DDL = &DDLDetail{Object: "table"}
	}
}

// setList reads the assignments of SET. A scope word holds for the assignments after its own too, until another one
// comes; a scope written as @@global. does not.
func (r *reader) setList(i int) []Assignment {
	var out []Assignment
	carry := ScopeOnce
	for _, p := range r.commas(i, len(r.t)) {
		a := r.assignment(p[0], p[1])
		if s, ok := scopes[r.at(p[0]).Word]; ok && a.Explicit {
			carry = s
		} else if a.Scope == ScopeOnce && carry != ScopeOnce && r.at(p[0]).Kind != SysVar {
			a.Scope, a.Explicit = carry, true
		}
		out = append(out, a)
	}
	return out
}

var scopes = map[string]Scope{
	"GLOBAL": ScopeGlobal, "SESSION": ScopeSession, "LOCAL": ScopeLocal, "PERSIST": ScopePersist, "PERSIST_ONLY": ScopePersistOnly,
}

func (r *reader) assignment(i, end int) Assignment {
	a := Assignment{Span: r.span(i, end), Scope: ScopeOnce, Arg: -1}
	switch {
	case r.is(i, "NAMES") && !r.any(i+1, "=", ":="):
		return r.names(a, ScopeNames, i+1, end)
	case r.is(i, "CHARACTER", "SET"):
		return r.names(a, ScopeCharacterSet, i+2, end)
	case r.is(i, "CHARSET") && !r.any(i+1, "=", ":="):
		return r.names(a, ScopeCharacterSet, i+1, end)
	case r.is(i, "PASSWORD"):
		a.Scope = ScopePassword
	case r.is(i, "ROLE") && !r.any(i+1, "=", ":="):
		a.Scope, a.Value = ScopeRole, r.span(i+1, end)
		return a
	case r.is(i, "DEFAULT", "ROLE"):
		a.Scope, a.Value = ScopeDefaultRole, r.span(i+2, end)
		return a
	case r.is(i, "RESOURCE", "GROUP"):
		a.Scope = ScopeResourceGroup
		return a
	case r.at(i).Kind == UserVar:
		a.Scope, a.Name = ScopeUser, r.varName(i)
		return r.assigned(a, i+1, end)
	case r.at(i).Kind == SysVar:
		i++
		if s, ok := scopes[strings.ToUpper(r.name(i))]; ok && r.is(i+1, ".") {
			a.Scope, a.Explicit = s, true
			i += 2
		}
	default:
		if s, ok := scopes[r.at(i).Word]; ok && !r.any(i+1, "=", ":=") {
			a.Scope, a.Explicit = s, true
			i++
		}
	}
	from := i
	for i < end && !r.any(i, "=", ":=") {
		i++
	}
	for k := from; k < i; k++ {
		if r.is(k, ".") {
			a.Name += "."
		} else {
			a.Name += lower(r.name(k))
		}
	}
	return r.assigned(a, i, end)
}

// assigned reads = value.
func (r *reader) assigned(a Assignment, i, end int) Assignment {
	if !r.any(i, "=", ":=") {
		return a
	}
	i++
	a.Value = r.span(i, end)
	r.single(&a, i, end)
	return a
}

// single looks whether the value is one literal or one word.
func (r *reader) single(a *Assignment, i, end int) {
	t := r.at(i)
	if t.Arg >= 0 && i < end && r.st.Args[t.Arg].Span() == r.span(i, end) {
		a.Arg = t.Arg
	}
	if end == i+1 {
		a.Default = t.Is("DEFAULT")
		switch {
		case t.Kind == Word:
			a.Word = strings.ToUpper(t.In(r.st.Text))
		case t.Kind == Quoted:
			a.Word = strings.ToUpper(r.name(i))
		}
	}
}

// names reads SET NAMES x [COLLATE y] and SET CHARACTER SET x; a charset may be a word or a string.
func (r *reader) names(a Assignment, s Scope, i, end int) Assignment {
	a.Scope, a.Value = s, r.span(i, end)
	a.Name = lower(r.name(i))
	a.Default = r.is(i, "DEFAULT")
	if r.is(i+1, "COLLATE") {
		a.Collation = lower(r.name(i + 2))
		a.Value = r.span(i, i+1)
	}
	return a
}

func (r *reader) txn(i int) *TxnDetail {
	d := &TxnDetail{Scope: ScopeOnce}
	switch r.st.Kind {
	case Savepoint:
		d.Savepoint = r.name(i + 1)
		return d
	case Release:
		d.Savepoint = r.name(i + 2)
		return d
	case RollbackTo:
		d.Savepoint = r.name(len(r.t) - 1)
		return d
	case SetTransaction:
		if s, ok := scopes[r.at(i+1).Word]; ok {
			d.Scope, d.Explicit = s, true
		}
	}
	for k := i; k < len(r.t); k++ {
		switch {
		case r.is(k, "READ", "ONLY"):
			d.ReadOnly = true
		case r.is(k, "READ", "WRITE"):
			d.ReadWrite = true
		case r.is(k, "CONSISTENT", "SNAPSHOT"):
			d.Snapshot = true
		case r.is(k, "CHAIN"):
			d.NoChain = r.is(k-1, "NO")
			d.Chain = !d.NoChain
		case r.is(k, "RELEASE"):
			d.NoRelease = r.is(k-1, "NO")
			d.Release = !d.NoRelease
		case r.is(k, "ISOLATION", "LEVEL"):
			d.Isolation = r.at(k + 2).Word
			if r.any(k+3, "COMMITTED", "UNCOMMITTED") || r.is(k+2, "REPEATABLE") {
				d.Isolation += " " + r.at(k+3).Word
			}
		}
	}
	return d
}

func (r *reader) kill(i int) *KillDetail {
	d := &KillDetail{Arg: -1}
	k := i + 1
	if r.any(k, "HARD", "SOFT") {
		d.Soft = r.is(k, "SOFT")
		k++
	}
	if r.any(k, "CONNECTION", "QUERY") {
		d.Query = r.is(k, "QUERY")
		k++
		d.ByID = r.skip(&k, "ID")
	}
	d.User = r.skip(&k, "USER")
	d.ID = r.span(k, len(r.t))
	if k == len(r.t)-1 {
		d.Arg = r.at(k).Arg
	}
	return d
}

func (r *reader) prepared(i int) *PrepareDetail {
	d := &PrepareDetail{Arg: -1}
	k := i + 1
	switch r.st.Kind {
	case Deallocate:
		r.skip(&k, "PREPARE")
		d.Name = r.name(k)
		return d
	case ExecuteImmediate:
		k++
	default:
		d.Name = r.name(k)
		k++
		r.skip(&k, "FROM")
	}
	using := k
	for using < len(r.t) && !r.is(using, "USING") {
		using = r.after(using)
	}
	if using > k {
		d.Text = r.span(k, using)
		if using == k+1 && r.at(k).Kind == String {
			s := r.at(k).In(r.st.Text)
			d.Literal, d.IsLiteral = string(unquote([]byte(s[1:len(s)-1]), s[0], r.st.Mode)), true
		}
		if t := r.at(k); t.Arg >= 0 && r.st.Args[t.Arg].Span() == d.Text {
			d.Arg = t.Arg
		} else if using == k+1 && t.Kind == UserVar {
			d.Var = r.varName(k)
		}
	}
	if using < len(r.t) {
		for _, p := range r.commas(using+1, len(r.t)) {
			d.Using = append(d.Using, r.span(p[0], p[1]))
		}
	}
	return d
}

func (r *reader) explain(i int) *ExplainDetail {
	d := &ExplainDetail{Analyze: r.st.Kind == Analyze}
	for k := i + 1; k < len(r.t); k++ {
		switch {
		case r.is(k, "EXTENDED"):
			d.Extended = true
		case r.is(k, "PARTITIONS"):
			d.Partitions = true
		case r.is(k, "ANALYZE"):
			d.Analyze = true
		case r.is(k, "FORMAT", "="):
			d.Format = strings.ToUpper(r.name(k + 2))
			k += 2
		case r.is(k, "FOR", "CONNECTION"):
			d.Connection = r.span(k+2, len(r.t))
			return d
		default:
			return d
		}
	}
	return d
}
