package distsql

import "strings"

// field is one entry KEY=value or KEY(…) of a rule.
type field struct {
	key  string
	read func()
}

// fields reads entries in any order, each at most once.
func (r *reader) fields(known ...field) {
	seen := map[string]bool{}
	r.each(func() {
		for _, f := range known {
			if r.token().Is(f.key) {
				if seen[f.key] {
					r.fail("%s is here twice", f.key)
					return
				}
				seen[f.key] = true
				r.at++
				f.read()
				return
			}
		}
		keys := make([]string, len(known))
		for i, f := range known {
			keys[i] = f.key
		}
		r.fail("expected one of %s", strings.Join(keys, ", "))
	})
}

// equals is KEY=value.
func (r *reader) equals(into *string, of string) func() {
	return func() {
		if r.need("=") {
			*into = r.value(of)
		}
	}
}

func (r *reader) unit() {
	u := Unit{Name: r.name("a storage unit")}
	r.fields(
		field{"HOST", r.equals(&u.Host, "a host")}, field{"PORT", r.equals(&u.Port, "a port")}, field{"DB", r.equals(&u.DB, "a schema")},
		field{"URL", r.equals(&u.URL, "a URL")}, field{"USER", r.equals(&u.User, "an account")}, field{"PASSWORD", r.equals(&u.Password, "a password")},
		field{"PROPERTIES", func() { u.Properties = r.properties() }},
	)
	if r.err == nil && (u.URL == "") == (u.Host == "") {
		r.at--
		r.fail("expected HOST, PORT and DB, or URL")
	}
	r.out.Units = append(r.out.Units, u)
}

// properties is PROPERTIES("key"=value, …).
func (r *reader) properties() (out []Property) {
	r.each(func() {
		p := Property{Key: r.value("a property")}
		if r.need("=") {
			p.Value = r.value("a value")
		}
		out = append(out, p)
	})
	return out
}

// algorithm is (NAME=…, PROPERTIES(…)) behind TYPE.
func (r *reader) algorithm() (t Type) {
	r.fields(
		field{"NAME", r.equals(&t.Name, "a type")},
		field{"PROPERTIES", func() { t.Properties = r.properties() }},
	)
	if t.Name == "" && r.err == nil {
		r.at--
		r.fail("expected NAME=…")
	}
	t.Name = strings.ToLower(t.Name)
	return t
}

// described is (TYPE(NAME=…)) behind SHARDING_ALGORITHM and the like, or =name.
func (r *reader) described(of string) (t Type, named string) {
	if r.take("=") {
		return t, r.value(of)
	}
	r.fields(field{"TYPE", func() { t = r.algorithm() }})
	return t, ""
}

func (r *reader) columns() (out []string) {
	if !r.need("=") {
		return nil
	}
	for r.err == nil {
		out = append(out, r.value("a column"))
		// A comma goes on with a column, unless what follows it is the next entry.
		next := r.at + 2
		if !r.token().Is(",") || next < len(r.st.Tokens) && (r.st.Tokens[next].Is("=") || r.st.Tokens[next].Is("(")) {
			break
		}
		r.at++
	}
	return out
}

func (r *reader) table() {
	t := Table{Name: r.name("a table")}
	r.fields(
		field{"STORAGE_UNITS", func() { t.Units = r.names("a storage unit") }},
		field{"SHARDING_COLUMN", func() { t.Columns = r.columns() }},
		field{"SHARDING_COLUMNS", func() { t.Columns = r.columns() }},
		field{"TYPE", func() { t.Type = r.algorithm() }},
		field{"DATANODES", func() { t.Nodes = r.names("actual tables") }},
		field{"DATABASE_STRATEGY", func() { t.Database = r.strategy() }},
		field{"TABLE_STRATEGY", func() { t.Table = r.strategy() }},
		field{"KEY_GENERATE_STRATEGY", func() { t.Generate = r.generate() }},
		field{"AUDIT_STRATEGY", func() { t.Audited = true; r.audit() }},
	)
	if r.err == nil {
		switch at := r.at; {
		case t.Automatic() && len(t.Units) == 0:
			r.at = at - 1
			r.fail("expected STORAGE_UNITS(…) or DATANODES(…)")
		case t.Automatic() && (t.Type.Name == "" || t.Database != nil || t.Table != nil):
			r.at = at - 1
			r.fail("STORAGE_UNITS(…) goes with SHARDING_COLUMN and TYPE(…)")
		case !t.Automatic() && (len(t.Units) > 0 || t.Type.Name != "" || len(t.Columns) > 0):
			r.at = at - 1
			r.fail("DATANODES(…) goes with DATABASE_STRATEGY(…) and TABLE_STRATEGY(…)")
		}
	}
	r.out.Tables = append(r.out.Tables, t)
}

func (r *reader) strategy() *Strategy {
	s := &Strategy{}
	r.fields(
		field{"TYPE", r.equals(&s.Kind, "standard, complex, hint or none")},
		field{"SHARDING_COLUMN", func() { s.Columns = r.columns() }},
		field{"SHARDING_COLUMNS", func() { s.Columns = r.columns() }},
		field{"SHARDING_ALGORITHM", func() { s.Type, s.Named = r.described("an algorithm") }},
	)
	s.Kind = strings.ToLower(s.Kind)
	return s
}

func (r *reader) generate() *Generate {
	g := &Generate{}
	r.fields(
		field{"COLUMN", r.equals(&g.Column, "a column")},
		field{"TYPE", func() { g.Type = r.algorithm() }},
		field{"KEY_GENERATOR", func() { g.Type, g.Named = r.described("a key generator") }},
	)
	if g.Column == "" && r.err == nil {
		r.at--
		r.fail("expected COLUMN=…")
	}
	return g
}

// audit passes AUDIT_STRATEGY(…) over.
func (r *reader) audit() {
	if !r.need("(") {
		return
	}
	for depth := 1; depth > 0 && r.err == nil; r.at++ {
		switch t := r.token(); {
		case r.at >= len(r.st.Tokens):
			r.fail("expected )")
			return
		case t.Is("("):
			depth++
		case t.Is(")"):
			depth--
		}
	}
}

func (r *reader) reference() {
	ref := Reference{Name: r.name("a reference rule")}
	ref.Tables = r.names("a table")
	r.out.References = append(r.out.References, ref)
}

func (r *reader) group() {
	g := Group{Name: r.name("a rule")}
	r.fields(
		field{"WRITE_STORAGE_UNIT", r.equals(&g.Write, "a storage unit")},
		field{"READ_STORAGE_UNITS", func() { g.Reads = r.names("a storage unit") }},
		field{"TRANSACTIONAL_READ_QUERY_STRATEGY", r.equals(&g.Transactional, "PRIMARY, FIXED or DYNAMIC")},
		field{"TYPE", func() { g.Type = r.algorithm() }},
	)
	if r.err == nil && (g.Write == "" || len(g.Reads) == 0) {
		r.at--
		r.fail("expected WRITE_STORAGE_UNIT=… and READ_STORAGE_UNITS(…)")
	}
	g.Transactional = strings.ToUpper(g.Transactional)
	r.out.Groups = append(r.out.Groups, g)
}
