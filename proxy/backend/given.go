package backend

import (
	"maps"
	"strings"
)

// Settings are the assignments of a SET that give a new connection, whose login has said utf8mb4, the session variables of this one: those that
// all connections are given, and those that sessions have set, but not what is about transactions. set has the names of variables that were set
// before: they are set back where they are not any more; it is added to.
func (l *Lease) Settings(set map[string]bool) string {
	a := &l.conn.applied
	st := NewState()
	maps.Copy(st.vars, a.base)
	maps.Copy(st.vars, a.vars)
	for name := range set {
		if _, has := st.vars[name]; !has && !stickyVars[name] && !isCharsetVar(name) {
			st.vars[name] = a.initial(name)
		}
	}
	for name := range a.vars {
		set[name] = true
	}
	for _, name := range []string{"autocommit", isolation, readOnly, "last_insert_id", "identity", "insert_id"} {
		delete(st.vars, name)
	}
	if _, has := st.vars[varClient]; !has {
		st.vars[varClient] = connectCharset
	}
	if _, has := st.vars[varResults]; !has {
		st.vars[varResults] = connectCharset
	}
	_, charset := st.vars[varCharset]
	_, collation := st.vars[varCollation]
	if !charset && !collation {
		st.vars[varCollation] = connectCollation
	}
	blank := applied{flavour: a.flavour}
	return string(blank.difference(nil, st, 0))
}

// Schema is the one that the connection is in, as far as is known; "": none.
func (l *Lease) Schema() string {
	return strings.TrimSuffix(l.conn.applied.schema, unknownSchema)
}
